// The office asks for something more: its words, its date, and the place to answer, all together.
import { useState } from 'preact/hooks';
import { post } from '../lib/api.ts';
import { formatDate } from '../lib/dates.ts';
import type { AttachmentDefinition } from '../lib/form.ts';
import { t } from '../lib/i18n.ts';
import { useKept, useKeptList } from '../lib/kept.ts';
import { useUploads, type Sending } from '../lib/uploads.ts';
import type { Application, Attachment, IntegrationRequest } from '../lib/types.ts';
import { BusyButton } from './BusyButton.tsx';
import { FileField } from './FileField.tsx';
import { CallFailure } from './CallFailure.tsx';
import { focusControl } from './ErrorSummary.tsx';
import { controlId } from './Fields.tsx';
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

/** Neither a file on its way nor one that failed may be left behind in silence. */
function unsent(list: Sending[]): string | undefined {
  if (list.some((item) => item.failure)) return t('rule.unsentFile');
  return list.length > 0 ? t('file.wait') : undefined;
}

export function IntegrationReply({ application, request, done }: { application: Application; request: IntegrationRequest; done: () => Promise<void> }) {
  const [text, setText, clearText] = useKept(`risposta:${request.id}`);
  // Files of a reply belong to nobody's view before it is given: this tab remembers them over a reload.
  const [attachments, setAttachments] = useKeptList<Attachment>(`allegati:${request.id}`);
  const [fault, setFault] = useState<string>();
  const [fileFault, setFileFault] = useState<string>();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const uploads = useUploads({
    application: application.id,
    write: (action) => action(),
    done: (attachment) => setAttachments((list) => [...list, attachment]),
    failed: () => undefined,
  });
  const id = `risposta-${request.id}`;

  async function send(event: Event) {
    event.preventDefault();
    const wrong = textFault(text, MAX_TEXT);
    setFault(wrong);
    setFileFault(unsent(uploads.list));
    if (wrong) return focusControl(id);
    if (unsent(uploads.list)) return focusControl(controlId(FIELD));
    setBusy(true);
    setFailure(null);
    try {
      await post(`/applications/${application.id}/replies`, { request: request.id, text: text.trim(), attachments: attachments.map((attachment) => attachment.id) });
      clearText();
      setAttachments(() => []);
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
          uploads={uploads}
          error={uploads.list.length > 0 ? fileFault : undefined}
          write={(action) => action()}
          onChange={setAttachments}
          onError={() => undefined}
        />
        {failure !== null && <CallFailure error={failure} />}
        <BusyButton class="btn btn-primary" busy={busy}>{busy ? t('reply.sending') : t('reply.send')}</BusyButton>
      </form>
    </section>
  );
}
