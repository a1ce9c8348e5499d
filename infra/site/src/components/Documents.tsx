// The documents of a case and the files sent with it, named for what they are; the file's own name comes after.
import { formatDateTime } from '../lib/dates.ts';
import { currentLanguage, t, tValue } from '../lib/i18n.ts';
import { documentUrl } from '../lib/navigation.ts';
import type { Application, Attachment, CaseDocument } from '../lib/types.ts';
import { formatSize } from '../lib/upload.ts';

export function Documents({ application }: { application: Application }) {
  const documents = application.documents ?? [];
  const files = (application.attachments ?? []).filter((file) => file.state === 'complete');
  return (
    <section class="sv-block" aria-labelledby="documenti">
      <h2 class="h4" id="documenti">{t('case.documents')}</h2>
      {documents.length + files.length === 0 && <p>{t('case.documentsNone')}</p>}
      {documents.length + files.length > 0 && (
        <ul class="sv-rows">
          {documents.map((document) => (
            <Row key={document.id} href={documentUrl(application, document)} title={titleOf(document)} detail={detailOf(document)} />
          ))}
          {files.map((file) => (
            <Row key={file.id} href={documentUrl(application, file)} title={file.name} detail={detailOfFile(file)} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({ href, title, detail }: { href: string; title: string; detail: string }) {
  return (
    <li class="it-card rounded border sv-row">
      <h3 class="h6"><a href={href}>{title}</a></h3>
      <p class="sv-row-detail">{detail}</p>
    </li>
  );
}

export const titleOf = (document: CaseDocument): string => tValue('document', document.kind, document.name);

const FOR_PROGRAMS = new Set(['application/json', 'application/jose']);

/** What programs read is said to be so: nobody should open it expecting a page. */
function detailOf(document: CaseDocument): string {
  const parts = [document.name, formatSize(document.size, currentLanguage()), formatDateTime(document.at)];
  if (FOR_PROGRAMS.has(document.mediaType)) parts.push(t('case.forPrograms'));
  if (document.protocol) parts.push(t('case.documentProtocol', { number: document.protocol.number, year: document.protocol.year }));
  if (document.signature) parts.push(tValue('signature', document.signature.verdict).toLowerCase());
  return parts.join(', ');
}

function detailOfFile(file: Attachment): string {
  const parts = [originOf(file), formatSize(file.size, currentLanguage())];
  if (file.signature) parts.push(tValue('signature', file.signature.verdict).toLowerCase());
  return parts.join(', ');
}

const originOf = (file: Attachment): string => (file.field === 'reply' || file.field === 'integration' ? t('case.replyFile') : t('case.applicationFile'));
