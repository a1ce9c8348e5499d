import { formatDateTime } from '../lib/dates.ts';
import { currentLanguage, t, tValue } from '../lib/i18n.ts';
import type { Application } from '../lib/types.ts';
import { formatSize } from '../lib/upload.ts';

/** The documents of a case. The address answers with a short-lived one of the bucket. */
export function Documents({ application }: { application: Application }) {
  const documents = application.documents ?? [];
  return (
    <section class="sv-block" aria-labelledby="documenti">
      <h2 class="h4" id="documenti">{t('case.documents')}</h2>
      {documents.length === 0 && <p>{t('case.documentsNone')}</p>}
      {documents.length > 0 && (
        <ul class="sv-rows">
          {documents.map((document) => (
            <li class="it-card rounded border sv-row" key={document.id}>
              <h3 class="h6"><a href={`/api/v1/applications/${application.id}/documents/${document.id}`}>{document.name}</a></h3>
              <p class="sv-row-detail">{tValue('document', document.kind)}, {formatSize(document.size, currentLanguage())}, {formatDateTime(document.at)}</p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
