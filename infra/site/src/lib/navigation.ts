// Where a page may send the browser.
import { pageUrl } from './i18n.ts';

/** A path of this site, or the fallback: never another host, whatever the address bar says. */
export function safeReturn(value: string | null, fallback: string): string {
  if (!value || !/^\/(?![/\\])/.test(value) || /[\\\u0000-\u001f]/.test(value)) return fallback;
  return value;
}

export function loginUrl(returnTo: string): string {
  return `${pageUrl('/accesso/')}?return=${encodeURIComponent(returnTo)}`;
}

/** Where a document or a file of a case is fetched: the server answers with a short-lived address. */
export function documentUrl(application: { id: string }, document: { id: string }): string {
  return `/api/v1/applications/${encodeURIComponent(application.id)}/documents/${encodeURIComponent(document.id)}`;
}

/** The page we are on, step included, to come back to after signing in. */
export function here(): string {
  return location.pathname + location.search + location.hash;
}

export function parameter(name: string): string {
  return new URLSearchParams(location.search).get(name) ?? '';
}
