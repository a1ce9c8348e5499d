// Texts of the pages. A page is built once for each language, so one table is loaded at a time.
import type italian from '../i18n/it.json';

export type Language = 'it' | 'en';
export type Key = keyof typeof italian;
type Parameters = Record<string, string | number>;

let language: Language = 'it';
let texts: Record<string, string> = {};

export function setTexts(chosen: Language, table: Record<string, string>): void {
  language = chosen;
  texts = table;
}

export const currentLanguage = (): Language => language;

/** The text for a key, with {name} replaced; a missing key shows itself, and a test keeps that from happening. */
export function t(key: Key, parameters: Parameters = {}): string {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in parameters ? String(parameters[name]) : whole));
}

/** For texts chosen by a value of the API: `state.registered`. Unknown values fall back to the given text. */
export function tValue(prefix: string, value: string, fallback = value): string {
  return texts[`${prefix}.${value}`] ?? fallback;
}

/** The address of a page in the current language. */
export function pageUrl(path: string): string {
  return language === 'en' ? `/en${path}` : path;
}

/** Called by every page's entry before it draws anything. */
export async function loadTexts(): Promise<void> {
  const chosen: Language = document.documentElement.lang === 'en' ? 'en' : 'it';
  const table = chosen === 'en' ? await import('../i18n/en.json') : await import('../i18n/it.json');
  setTexts(chosen, table.default);
}
