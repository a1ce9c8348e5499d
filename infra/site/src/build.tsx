// Entry of the build itself: draws every page to HTML in one language.
import { renderToString } from 'preact-render-to-string';
import { setTexts, type Language } from './lib/i18n.ts';
import { pagesIn } from './pages/index.tsx';

export function renderPages(language: Language, texts: Record<string, string>, base: string) {
  setTexts(language, texts);
  return pagesIn(language, base).map((page) => ({ ...page, body: renderToString(<>{page.body}</>) }));
}
