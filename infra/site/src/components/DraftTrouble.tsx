// The two cases where a draft needs the person: the session ended, or another tab or device wrote meanwhile.
import { useState } from 'preact/hooks';
import { formatDate, formatDateTime } from '../lib/dates.ts';
import { displayValue, type FormDefinition } from '../lib/form.ts';
import { t } from '../lib/i18n.ts';
import type { Answers, Application } from '../lib/types.ts';
import { BusyButton } from './BusyButton.tsx';
import { Notice } from './Notice.tsx';

/** There is one at a time. */
export const NOTICE = 'avviso-bozza';

export function showNotice(): void {
  const notice = document.getElementById(NOTICE);
  notice?.scrollIntoView({ block: 'start' });
  notice?.focus({ preventScroll: true });
}

export function SignedOut({ href, text = t('draft.signedOutText') }: { href: string; text?: string }) {
  return (
    <Notice tone="warning" title={t('draft.signedOutTitle')} live id={NOTICE}>
      <p>{text}</p>
      <p><a class="btn btn-primary btn-sm" href={href}>{t('draft.signInAgain')}</a></p>
    </Notice>
  );
}

interface ConflictProps {
  form: FormDefinition;
  mine: Answers;
  theirs: Application;
  choose: (choice: 'mine' | 'theirs') => Promise<void>;
}

export function Conflict({ form, mine, theirs, choose }: ConflictProps) {
  const [busy, setBusy] = useState(false);
  const different = Object.keys(form.properties).filter((name) => mine[name] !== theirs.answers[name]);
  const show = (name: string, value: string | boolean | undefined) =>
    value === undefined ? t('summary.empty') : displayValue(form.properties[name], value, formatDate, t('summary.yes'));
  const decide = (choice: 'mine' | 'theirs') => async () => {
    setBusy(true);
    await choose(choice);
  };
  return (
    <div class="alert alert-warning" role="alert" id={NOTICE} tabindex={-1}>
      <h2 class="h5">{t('draft.conflictTitle')}</h2>
      <p>{t('draft.conflictText', { when: formatDateTime(theirs.updatedAt) })}</p>
      {different.map((name) => (
        <div class="sv-conflict" key={name}>
          <h3 class="h6">{form.properties[name].title}</h3>
          <p><strong>{t('draft.mine')}</strong> <span class="sv-pre">{show(name, mine[name])}</span></p>
          <p><strong>{t('draft.theirs')}</strong> <span class="sv-pre">{show(name, theirs.answers[name])}</span></p>
        </div>
      ))}
      <div class="sv-actions">
        <BusyButton class="btn btn-primary btn-sm" busy={busy} onClick={decide('mine')}>{t('draft.keepMine')}</BusyButton>
        <BusyButton class="btn btn-outline-primary btn-sm" busy={busy} onClick={decide('theirs')}>{t('draft.takeTheirs')}</BusyButton>
      </div>
    </div>
  );
}
