// A draft belongs to whoever writes it, and can go at any moment; asked twice, since nothing brings it back.
import { useState } from 'preact/hooks';
import { useFocusSwap } from '../lib/hooks.ts';
import { Problem, remove } from '../lib/api.ts';
import { t } from '../lib/i18n.ts';
import { BusyButton } from './BusyButton.tsx';
import { CallFailure } from './CallFailure.tsx';

export function DeleteDraft({ application, deleted }: { application: string; deleted: () => void }) {
  const [asking, setAsking] = useState(false);
  const [first, opener] = useFocusSwap(asking);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  async function confirm() {
    setBusy(true);
    setFailure(null);
    try {
      await remove(`/applications/${application}`);
      deleted();
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return deleted(); // gone already
      setFailure(error);
      setBusy(false);
    }
  }

  if (!asking) {
    return <button type="button" class="btn btn-link btn-sm" ref={opener} onClick={() => setAsking(true)}>{t('draft.delete')}</button>;
  }
  return (
    <div class="sv-delete sv-landing" role="group" aria-label={t('draft.delete')} tabindex={-1} ref={first}>
      <p>{t('draft.deleteQuestion')}</p>
      {failure !== null && <CallFailure error={failure} />}
      <div class="sv-actions">
        <button type="button" class="btn btn-outline-primary btn-sm" onClick={() => setAsking(false)}>{t('draft.deleteKeep')}</button>
        <BusyButton class="btn btn-danger btn-sm" busy={busy} onClick={() => void confirm()}>{t('draft.deleteConfirm')}</BusyButton>
      </div>
    </div>
  );
}
