// Messages to the person: what happened, in words, and what to do about it.
import type { ComponentChildren } from 'preact';
import { Problem, Unreachable } from '../lib/api.ts';
import { pageUrl, t } from '../lib/i18n.ts';

type Tone = 'info' | 'success' | 'warning' | 'danger';

interface NoticeProps {
  tone: Tone;
  title?: string;
  children?: ComponentChildren;
  live?: boolean;
  /** Makes it a place to go to. */
  id?: string;
}

export function Notice({ tone, title, children, live, id }: NoticeProps) {
  return (
    <div class={TONES[tone]} id={id} tabindex={id ? -1 : undefined} role={live ? (tone === 'danger' ? 'alert' : 'status') : undefined}>
      {title && <p class="sv-notice-title">{title}</p>}
      {children}
    </div>
  );
}

// Whole names, so that the purge of the style sheet finds them.
const TONES: Record<Tone, string> = {
  info: 'alert alert-info',
  success: 'alert alert-success',
  warning: 'alert alert-warning',
  danger: 'alert alert-danger',
};

/** What went wrong with a call, with a way to try again where trying again makes sense, or a way out. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  if (retry && error instanceof Problem && error.status === 404) {
    return (
      <Notice tone="warning" title={t('error.notFoundTitle')} live>
        <p>{t('error.notFound')}</p>
        <p><a href={pageUrl('/area-personale/')}>{t('error.toCases')}</a></p>
      </Notice>
    );
  }
  return (
    <Notice tone="danger" title={t('error.title')} live>
      <p>{explain(error)}</p>
      {error instanceof Problem && error.reference && <p class="sv-small">{t('error.reference', { id: error.reference })}</p>}
      {retry && (
        <button type="button" class="btn btn-outline-primary btn-sm" onClick={retry}>
          {t('error.retry')}
        </button>
      )}
    </Notice>
  );
}

export function explain(error: unknown): string {
  if (error instanceof Unreachable) return t('error.unreachable');
  if (error instanceof Problem) {
    if (error.detail) return error.detail;
    if (error.status === 404) return t('error.notFound');
    if (error.status === 429) return t('error.busy');
  }
  return t('error.server');
}

export function Loading({ text = t('loading') }: { text?: string }) {
  return (
    <p class="sv-loading" role="status">
      {text}
    </p>
  );
}
