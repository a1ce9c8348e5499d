import { tValue } from '../lib/i18n.ts';
import type { State } from '../lib/types.ts';

const TONES: Partial<Record<State, string>> = {
  draft: 'badge sv-badge sv-badge-draft',
  awaiting_payment: 'badge sv-badge sv-badge-action',
  awaiting_integration: 'badge sv-badge sv-badge-action',
  decided: 'badge sv-badge sv-badge-done',
  closed: 'badge sv-badge sv-badge-done',
  preserved: 'badge sv-badge sv-badge-done',
  withdrawn: 'badge sv-badge sv-badge-draft',
  expired: 'badge sv-badge sv-badge-draft',
};

/** The state of a case, in words; the colour only repeats them. */
export function StateBadge({ state }: { state: State }) {
  return <span class={TONES[state] ?? 'badge sv-badge'}>{tValue('state', state)}</span>;
}
