// Withdrawing ends the case: it is asked twice, on the page itself.
import { useState } from 'preact/hooks';
import { useFocusSwap } from '../lib/hooks.ts';
import { post } from '../lib/api.ts';
import { t } from '../lib/i18n.ts';
import { useKept } from '../lib/kept.ts';
import type { Application } from '../lib/types.ts';
import { BusyButton } from './BusyButton.tsx';
import { CallFailure } from './CallFailure.tsx';
import { TextBox } from './TextBox.tsx';

const MAX_REASON = 1000;

export function Withdrawal({ application, done }: { application: Application; done: () => Promise<void> }) {
  const [asking, setAsking] = useState(false);
  const [reason, setReason, clearReason] = useKept(`rinuncia:${application.id}`);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const [first, opener] = useFocusSwap(asking);

  async function withdraw(event: Event) {
    event.preventDefault();
    setBusy(true);
    setFailure(null);
    try {
      await post(`/applications/${application.id}/withdrawal`, reason.trim() ? { reason: reason.trim() } : {});
      clearReason();
      await done();
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  }

  return (
    <section aria-labelledby="rinuncia" class="sv-block sv-withdrawal">
      <h2 class="h4" id="rinuncia">{t('withdrawal.title')}</h2>
      <p>{t('withdrawal.text')}</p>
      {!asking && (
        <button type="button" class="btn btn-outline-danger" ref={opener} onClick={() => setAsking(true)}>{t('withdrawal.open')}</button>
      )}
      {asking && (
        <form onSubmit={withdraw} noValidate class="sv-landing" tabindex={-1} aria-label={t('withdrawal.open')} ref={first}>
          <TextBox id="motivo" label={t('withdrawal.reason')} value={reason} max={MAX_REASON} optional onChange={setReason} />
          {failure !== null && <CallFailure error={failure} />}
          <div class="sv-actions">
            <button type="button" class="btn btn-outline-primary" onClick={() => setAsking(false)}>{t('withdrawal.keep')}</button>
            <BusyButton class="btn btn-danger" busy={busy}>{t('withdrawal.confirm')}</BusyButton>
          </div>
        </form>
      )}
    </section>
  );
}
