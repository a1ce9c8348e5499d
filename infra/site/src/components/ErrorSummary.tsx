// The list of what is wrong, focused as soon as it appears; each line leads to its field.
import { useEffect, useRef } from 'preact/hooks';
import { t } from '../lib/i18n.ts';

export interface SummaryItem {
  text: string;
  href: string;
  go: () => void;
}

export function ErrorSummary({ items, attempt }: { items: SummaryItem[]; attempt: number }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (items.length > 0) box.current?.focus();
  }, [attempt]);
  if (items.length === 0) return null;
  return (
    <div class="alert alert-danger" role="alert" tabindex={-1} ref={box} id="errori">
      <h3 class="h5">{items.length === 1 ? t('form.oneError') : t('form.errors', { n: items.length })}</h3>
      <ul class="sv-error-list">
        {items.map((item) => (
          <li key={item.href}>
            <a
              href={item.href}
              onClick={(event) => {
                event.preventDefault();
                item.go();
              }}
            >
              {item.text}
            </a>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Brings the label into view too, then focuses the control. */
export function focusControl(id: string): void {
  const control = document.getElementById(id);
  if (!control) return;
  const group = control.closest('.sv-field') ?? control;
  group.scrollIntoView({ block: 'start' });
  control.focus({ preventScroll: true });
}
