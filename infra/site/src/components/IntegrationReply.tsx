// The office asks for something more: its words, its date, and the place to answer, all together.
import { useState } from 'preact/hooks';
import { post } from '../lib/api.ts';
import { formatDate } from '../lib/dates.ts';
import type { AttachmentDefinition } from '../lib/form.ts';
import { t } from '../lib/i18n.ts';
import { useKept } from '../lib/kept.ts';
import type { Application, Attachment, IntegrationRequest } from '../lib/types.ts';
import { FileField } from './FileField.tsx';
import { CallFailure } from './CallFailure.tsx';
import { focusControl } from './ErrorSummary.tsx';
import { Notice } from './Notice.tsx';
import { TextBox, textFault } from './TextBox.tsx';

const MAX_TEXT = 5000;
const FIELD = 'integration';
const MAX_BYTES = 10 * 1024 * 1024;
const EXTENSIONS = ['.pdf', '.jpg', '.jpeg', '.png', '.p7m'];

const files = (): AttachmentDefinition => ({
  title: t('reply.files'),
  description: t('reply.filesHint'),
  min: 0,
  max: 10,
  maxBytes: MAX_BYTES,
  mediaTypes: [],
  extensions: EXTENSIONS,
});

export function IntegrationReply({ application, request, done }: { application: Application; request: IntegrationRequest; done: () => Promise<void> }) {
  const [text, setText, clearText] = useKept(`risposta:${request.id}`);
  const [attachments, setAttachments] = useState<Attachment[]>([]);
  const [fault, setFault] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [uploading, setUploading] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const id = `risposta-${request.id}`;

  async function send(event: Event) {
    event.preventDefault();
    const wrong = textFault(text, MAX_TEXT);
    setFault(wrong);
    if (wrong) return focusControl(id);
    if (uploading) return setFault(t('file.wait'));
    setBusy(true);
    setFailure(null);
    try {
      await post(`/applications/${application.id}/replies`, { request: request.id, text: text.trim(), attachments: attachments.map((attachment) => attachment.id) });
      clearText();
      await done();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <section class="sv-request" aria-labelledby={`${id}-titolo`}>
      <Notice tone="warning">
        <h2 class="h4" id={`${id}-titolo`}>{t('reply.title')}</h2>
        <p class="sv-pre">{request.text}</p>
        <p><strong>{t('reply.due', { date: formatDate(request.due) })}</strong></p>
      </Notice>
      <form onSubmit={send} noValidate>
        <TextBox id={id} label={t('reply.label')} value={text} max={MAX_TEXT} rows={6} error={fault} onChange={setText} />
        <FileField
          application={application.id}
          field={FIELD}
          definition={files()}
          attachments={attachments}
          write={(action) => action()}
          onChange={setAttachments}
          onBusy={setUploading}
          onError={() => undefined}
        />
        {failure !== null && <CallFailure error={failure} />}
        <button type="submit" class="btn btn-primary" disabled={busy}>{busy ? t('reply.sending') : t('reply.send')}</button>
      </form>
    </section>
  );
}
