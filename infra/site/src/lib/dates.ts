// Dates as people read them, always in the time of the chambers whatever the browser's own zone.
import { currentLanguage } from './i18n.ts';

const ZONE = 'Europe/Rome';

function format(options: Intl.DateTimeFormatOptions, instant: Date): string {
  const locale = currentLanguage() === 'en' ? 'en-GB' : 'it-IT';
  return new Intl.DateTimeFormat(locale, { timeZone: ZONE, ...options }).format(instant);
}

/** "5 ottobre 2026", from an instant or from a plain date. */
export function formatDate(value: string): string {
  return format({ day: 'numeric', month: 'long', year: 'numeric' }, toInstant(value));
}

/** "5 ottobre 2026, 14:30" */
export function formatDateTime(value: string): string {
  return `${formatDate(value)}, ${formatTime(toInstant(value))}`;
}

/** "5 ottobre 2026, 14:30:07,125": the instant of presentation is a legal one. */
export function formatInstant(value: string): string {
  const instant = toInstant(value);
  const time = format({ hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hour12: false }, instant);
  return `${formatDate(value)}, ${time}`;
}

/** "14:30" */
export function formatTime(instant: Date): string {
  return format({ hour: '2-digit', minute: '2-digit', hour12: false }, instant);
}

/** Today in Rome as YYYY-MM-DD. */
export function today(now = new Date()): string {
  return new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE }).format(now);
}

/** A plain date is taken at noon, so that no zone moves it to another day. */
function toInstant(value: string): Date {
  return new Date(/^\d{4}-\d{2}-\d{2}$/.test(value) ? `${value}T12:00:00Z` : value);
}
