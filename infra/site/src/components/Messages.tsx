// The conversation with the office. A message can always be written, whoever has or has not taken charge.
import { useState } from 'preact/hooks';
import { post } from '../lib/api.ts';
import { formatDateTime } from '../lib/dates.ts';
import { t, tValue } from '../lib/i18n.ts';
import { useKept } from '../lib/kept.ts';
import type { Application, TimelineItem } from '../lib/types.ts';
import { BusyButton } from './BusyButton.tsx';
import { CallFailure } from './CallFailure.tsx';
import { focusControl } from './ErrorSummary.tsx';
import { Notice } from './Notice.tsx';
import { TextBox, textFault } from './TextBox.tsx';

const MAX_TEXT = 2000;
// Nobody would read it any more: the server refuses it, and nobody should write it first.
const CLOSED = new Set(['closed', 'preserved', 'expired']);

export function Messages({ application, items, done }: { application: Application; items: TimelineItem[]; done: () => Promise<void> }) {
  const [text, setText, clearText] = useKept(`messaggio:${application.id}`);
  const [formal, setFormal] = useState(false);
  const [fault, setFault] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [sent, setSent] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  // Nor does an office know of what was never paid for.
  const unpaid = application.state === 'awaiting_payment';
  const closed = CLOSED.has(application.state) || (application.state === 'withdrawn' && application.payment !== undefined && application.payment.state !== 'paid');
  const messages = items.filter((item) => item.event.includes('message')).sort((a, b) => (a.at < b.at ? -1 : 1));

  async function send(event: Event) {
    event.preventDefault();
    setSent(false);
    const wrong = textFault(text, MAX_TEXT);
    setFault(wrong);
    if (wrong) return focusControl('messaggio');
    setBusy(true);
    setFailure(null);
    try {
      await post(`/applications/${application.id}/messages`, formal ? { text: text.trim(), formal } : { text: text.trim() });
      clearText();
      setFormal(false);
      setSent(true);
      await done();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <section class="sv-block" aria-labelledby="messaggi">
      <h2 class="h4" id="messaggi">{t('messages.title')}</h2>
      {messages.length > 0 && (
        <ol class="sv-messages">
          {messages.map((message) => (
            <li key={message.at} class={message.actor === 'applicant' ? 'sv-message sv-message-mine' : 'sv-message'}>
              <p class="sv-small"><strong>{tValue('actor', message.actor)}</strong>, {formatDateTime(message.at)}</p>
              <p class="sv-pre">{message.text ?? message.title}</p>
            </li>
          ))}
        </ol>
      )}
      {closed && <p>{t('messages.closed')}</p>}
      {unpaid && <p>{t('messages.unpaid')}</p>}
      {!closed && !unpaid && <form onSubmit={send} noValidate>
        <TextBox id="messaggio" label={t('messages.label')} hint={t('messages.hint')} value={text} max={MAX_TEXT} error={fault} onChange={setText} />
        <div class="sv-choice sv-field">
          <input type="checkbox" id="formale" checked={formal} aria-describedby="formale-aiuto" onChange={(event) => setFormal(event.currentTarget.checked)} />
          <label for="formale">{t('messages.formal')}</label>
          <p class="form-text sv-hint" id="formale-aiuto">{t('messages.formalHint')}</p>
        </div>
        {failure !== null && <CallFailure error={failure} />}
        {sent && <Notice tone="success" live><p>{t('messages.sent')}</p></Notice>}
        <BusyButton class="btn btn-outline-primary" busy={busy}>{busy ? t('messages.sending') : t('messages.send')}</BusyButton>
      </form>}
    </section>
  );
}
