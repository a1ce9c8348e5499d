// Paying for an act: amounts and notice numbers as people read them, and the way to the hosted payment page.
import { post } from './api.ts';
import { currentLanguage } from './i18n.ts';
import type { Application } from './types.ts';

/** "3,00 €", "€3.00" */
export function formatEuro(cents: number): string {
  const locale = currentLanguage() === 'en' ? 'en-GB' : 'it-IT';
  return new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR' }).format(cents / 100);
}

/** Four digits at a time, as notices are printed: "3012 3456 7890 1234 56". */
export const groupNotice = (number: string): string => number.replace(/\s/g, '').replace(/(.{4})(?=.)/g, '$1 ');

/** It ended before it was paid, by its term or by who presented it: no number will come. */
export const neverNumbered = ({ state, payment, protocol }: Application): boolean =>
  !protocol && (state === 'expired' || (state === 'withdrawn' && payment !== undefined && !payment.paidAt));

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** The address of a payment page, if it is one that a browser may be sent to: over TLS, or on this machine. */
export function paymentPage(address: unknown): string | null {
  let url: URL;
  try {
    url = new URL(String(address));
  } catch {
    return null;
  }
  const safe = url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
  return safe && !url.username && !url.password ? url.href : null;
}

const LANGUAGE = 'pagamento:lingua';

/** Asks for a payment page and goes there. The institute brings the browser back to one address: this tab remembers the language. */
export async function pay(application: string, store: Pick<Storage, 'setItem'> = sessionStorage): Promise<void> {
  const { url } = await post<{ url: string }>(`/applications/${encodeURIComponent(application)}/checkout`);
  const page = paymentPage(url);
  if (!page) throw new Error('no payment page');
  store.setItem(LANGUAGE, currentLanguage());
  location.assign(page);
}

/** Whether whoever comes back left from an English page; told once, so that changing the language afterwards is not undone. */
export function leftInEnglish(store: Pick<Storage, 'getItem' | 'removeItem'> = sessionStorage): boolean {
  const language = store.getItem(LANGUAGE);
  store.removeItem(LANGUAGE);
  return language === 'en';
}
