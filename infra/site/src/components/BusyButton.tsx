// A button at work. Not `disabled`: the browser would drop the focus of whoever pressed it, and throw a person with a
// keyboard back to the top of the page. It says that it is busy, and a second press does nothing.
import type { ComponentChildren } from 'preact';

interface Props {
  busy: boolean;
  class: string;
  /** Without it the button sends its form. */
  onClick?: () => void;
  children: ComponentChildren;
}

export function BusyButton({ busy, class: look, onClick, children }: Props) {
  return (
    <button
      type={onClick ? 'button' : 'submit'}
      class={look}
      aria-disabled={busy ? true : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault(); // nor does Enter in a field send the form: it goes through this click
        else onClick?.();
      }}
    >
      {children}
    </button>
  );
}
