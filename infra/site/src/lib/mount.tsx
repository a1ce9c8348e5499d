// Brings a page's own part to life in the place that the build left for it.
import { hydrate, render, type ComponentChild } from 'preact';

export const PLACE = 'pagina';

/** Puts the content in place of what was built: for content that depends on the address or the session. */
export function mount(content: ComponentChild): void {
  const place = document.getElementById(PLACE);
  if (!place) return;
  place.replaceChildren();
  render(content, place);
}

/** Takes over what was built, which must be the same: hydration adds handlers and never corrects attributes. */
export function revive(content: ComponentChild): void {
  const place = document.getElementById(PLACE);
  if (place) hydrate(content, place);
}
