// The receipt of art. 18-bis L. 241/1990, on a page made to be printed.
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { Icon } from '../components/Icon.tsx';
import { UnpaidNotice } from '../components/Payment.tsx';
import { get } from '../lib/api.ts';
import { formatDate, formatInstant } from '../lib/dates.ts';
import { useLoaded, usePolling } from '../lib/hooks.ts';
import { pageUrl, t } from '../lib/i18n.ts';
import { keptReceipt } from '../lib/submission.ts';
import { documentUrl, parameter } from '../lib/navigation.ts';
import { neverNumbered } from '../lib/payment.ts';
import type { Application, Named, Receipt } from '../lib/types.ts';

const readApplication = () => get<Application>(`/applications/${encodeURIComponent(parameter('id'))}`);

export function ReceiptPage({ services }: { services: { id: string; title: string }[] }) {
  const [application, reload] = useLoaded(readApplication);
  usePolling(application.state === 'ready' && waiting(application.value), reload);
  if (application.state === 'loading') return <Loading />;
  if (application.state === 'failed') return <Failure error={application.error} retry={() => void reload()} />;
  const { id, presentedAt, state, payment } = application.value;
  const toPay = state === 'awaiting_payment' ? payment : undefined;
  const receipt = application.value.receipt ?? keptReceipt(id);
  const shown = receipt ?? partOf(application.value, services);
  const caseUrl = `${pageUrl('/pratica/')}?id=${encodeURIComponent(id)}`;
  if (!presentedAt) return <Notice tone="info"><p>{t('receipt.none')}</p><p><a href={caseUrl}>{t('receipt.toCase')}</a></p></Notice>;
  return (
    <>
      <Notice tone="success" title={t('receipt.done')}>
        <p>{receipt ? t('receipt.doneText') : t('receipt.partText')}</p>
      </Notice>
      {toPay && <UnpaidNotice application={application.value} payment={toPay} reload={reload} />}
      <ReceiptData receipt={shown} application={application.value} />
      <div class="sv-actions sv-no-print">
        {sealed(application.value).map((document) => (
          <a class="btn btn-outline-primary" key={document.id} href={documentUrl(application.value, document)}>{t('receipt.document')}</a>
        ))}
        <button type="button" class="btn btn-outline-primary btn-icon" onClick={() => print()}>
          <Icon name="it-print" class="icon-primary" /> <span>{t('receipt.print')}</span>
        </button>
        <a class="btn btn-primary" href={caseUrl}>{t('receipt.toCase')}</a>
      </div>
      {sealed(application.value).length === 0 && <p class="sv-small sv-no-print">{t('receipt.documentSoon')}</p>}
    </>
  );
}

const sealed = (application: Application) => (application.documents ?? []).filter((document) => document.kind === 'receipt');

/** Of the receipt, what the case itself tells to the letter; who answered for it then is in the sealed document. */
function partOf(application: Application, services: { id: string; title: string }[]): Partial<Receipt> {
  const presented = (application.documents ?? []).find((document) => document.kind === 'application');
  return {
    id: presented?.id,
    subject: services.find((service) => service.id === application.service)?.title,
    digest: presented?.sha256,
    attachments: (application.attachments ?? []).flatMap(({ field, name, sha256 }) => (field !== 'reply' && sha256 ? [{ name, sha256 }] : [])),
  };
}

/** The sealed document comes within seconds, and so does the number, once what is to be paid is paid. */
const waiting = (application: Application): boolean =>
  Boolean(application.presentedAt) && (sealed(application).length === 0 || (!application.protocol && !neverNumbered(application)));

function noNumber(application: Application): string {
  if (neverNumbered(application)) return t('case.protocolNever');
  return application.state === 'awaiting_payment' ? t('receipt.protocolPaid') : t('receipt.protocolSoon');
}

function ReceiptData({ receipt, application }: { receipt: Partial<Receipt>; application: Application }) {
  const due = receipt.due ?? application.deadline?.due;
  return (
    <article class="sv-receipt">
      <dl class="sv-definitions">
        <Row title={t('receipt.number')}>{receipt.id}</Row>
        <Row title={t('receipt.subject')}>{receipt.subject}</Row>
        <Row title={t('receipt.applicant')}>
          {application.filer && `${t('receipt.filer', { name: application.filer.name, taxCode: application.filer.taxCode })} `}
          {application.profile.name}, {application.profile.taxCode}
        </Row>
        <Row title={t('receipt.presentedAt')}>{formatInstant(application.presentedAt ?? '')}</Row>
        {application.protocol && (
          <Row title={t('receipt.protocol')}>{application.protocol.number}/{application.protocol.year}, {formatDate(application.protocol.date)}</Row>
        )}
        {application.protocol?.external && (
          <Row title={t('case.protocolOfChamber')}>{application.protocol.external.number}/{application.protocol.external.year}, {formatDate(application.protocol.external.date)}</Row>
        )}
        {!application.protocol && <Row title={t('receipt.protocol')}>{noNumber(application)}</Row>}
        {due && <Row title={t('receipt.due')}>{formatDate(due)}</Row>}
        <Row title={t('receipt.silence')}>{receipt.silence}</Row>
        <Row title={t('receipt.office')}>{named(receipt.office)}</Row>
        <Row title={t('receipt.responsible')}>{named(receipt.responsible)}</Row>
        <Row title={t('receipt.substitute')}>{named(receipt.substitute)}</Row>
        <Row title={t('receipt.remedies')}>{receipt.remedies}</Row>
        <Row title={t('receipt.access')}>{receipt.access}</Row>
        {receipt.digest && <Row title={t('receipt.digest')}><code class="sv-code">{receipt.digest}</code></Row>}
      </dl>
      {receipt.attachments && receipt.attachments.length > 0 && (
        <>
          <h2 class="h5">{t('receipt.attachments')}</h2>
          <dl class="sv-definitions">
            {receipt.attachments.map((attachment) => (
              <Row title={attachment.name} key={attachment.sha256}><code class="sv-code">{attachment.sha256}</code></Row>
            ))}
          </dl>
        </>
      )}
    </article>
  );
}

function Row({ title, children }: { title: string; children?: preact.ComponentChildren }) {
  if (children === undefined || children === '') return null;
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function named(value: string | Named | undefined): string | undefined {
  if (typeof value !== 'object') return value;
  return [value.name, value.role, value.pec].filter(Boolean).join(', ');
}
