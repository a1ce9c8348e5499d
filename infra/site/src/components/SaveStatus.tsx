// Says how the draft stands, truthfully: "saved" only after the server's answer.
import { formatTime } from '../lib/dates.ts';
import type { SaveState } from '../lib/draft.ts';
import { t, type Key } from '../lib/i18n.ts';
import { NOTICE, showNotice } from './DraftTrouble.tsx';
import { Icon } from './Icon.tsx';

// These wait for the person, whose eyes are at the field: the notice that explains them stands at the top of the page.
const AT_THE_TOP: Partial<Record<SaveState['kind'], Key>> = { conflict: 'draft.conflictTitle', 'signed-out': 'draft.signedOutTitle' };

export function SaveStatus({ state, retry }: { state: SaveState; retry: () => void }) {
  const [icon, text] = describe(state);
  return (
    <div class={`sv-save${state.kind === 'unsaved' || AT_THE_TOP[state.kind] ? ' sv-save-bad' : ''}`}>
      <p role="status" data-state={state.kind}>
        {icon && <Icon name={icon} class="icon-sm" />} {text}
      </p>
      {AT_THE_TOP[state.kind] && (
        <a
          href={`#${NOTICE}`}
          onClick={(event) => {
            event.preventDefault();
            showNotice();
          }}
        >
          {t('draft.toNotice')}
        </a>
      )}
      {state.kind === 'unsaved' && (
        <button type="button" class="btn btn-outline-primary btn-sm" onClick={retry}>{t('draft.retry')}</button>
      )}
    </div>
  );
}

function describe(state: SaveState): [string, string] {
  switch (state.kind) {
    case 'idle':
      return ['', t('draft.idle')];
    case 'saving':
      return ['it-refresh', t('draft.saving')];
    case 'saved':
      return ['it-check', t('draft.saved', { time: formatTime(state.at) })];
    case 'unsaved':
      return ['it-warning-circle', state.detail ? `${t('draft.unsaved')} ${state.detail}` : `${t('draft.unsaved')} ${t('draft.unsavedHint')}`];
    default:
      return ['it-warning-circle', [t('draft.unsaved'), AT_THE_TOP[state.kind] && `${t(AT_THE_TOP[state.kind]!)}.`].filter(Boolean).join(' ')];
  }
}
