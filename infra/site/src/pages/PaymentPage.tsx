// Where the payment institute brings the browser back. Coming back proves nothing: only the API knows whether it was paid.
import { useEffect, useRef } from 'preact/hooks';
import { PayButton, PaymentFacts, ToPay, paymentText } from '../components/Payment.tsx';
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { get } from '../lib/api.ts';
import { formatDate } from '../lib/dates.ts';
import { useLoaded, usePolling } from '../lib/hooks.ts';
import { pageUrl, t, tValue } from '../lib/i18n.ts';
import { parameter } from '../lib/navigation.ts';
import { formatEuro } from '../lib/payment.ts';
import type { Application, Payment, Protocol } from '../lib/types.ts';

const readApplication = () => get<Application>(`/applications/${encodeURIComponent(parameter('id'))}`);
const waitsFor = (application: Application): boolean => application.state === 'awaiting_payment' && application.payment?.state === 'requested';
/** Paid: the number comes seconds after. */
const unnumbered = (application: Application): boolean => application.state === 'presented' && application.payment?.state === 'paid' && !application.protocol;

export function PaymentPage() {
  if (!parameter('id')) return <Notice tone="warning"><p>{t('payment.noCase')}</p><p><a href={pageUrl('/area-personale/')}>{t('error.toCases')}</a></p></Notice>;
  return <Returned />;
}

function Returned() {
  const [loaded, reload] = useLoaded(readApplication);
  const value = loaded.state === 'ready' ? loaded.value : null;
  const [looking, again] = usePolling(value !== null && waitsFor(value), reload);
  usePolling(value !== null && unnumbered(value), reload);
  if (loaded.state === 'loading') return <Loading text={t('payment.asking')} />;
  if (loaded.state === 'failed') return <Failure error={loaded.error} retry={() => void reload()} />;
  const { payment } = loaded.value;
  return (
    <>
      {!payment && <Notice tone="info"><p>{t('payment.nothing')}</p></Notice>}
      {payment && (waitsFor(loaded.value) ? <Unpaid application={loaded.value} payment={payment} looking={looking} again={again} reload={reload} /> : <Known application={loaded.value} payment={payment} />)}
      <p><a href={`${pageUrl('/pratica/')}?id=${encodeURIComponent(loaded.value.id)}`}>{t('receipt.toCase')}</a></p>
    </>
  );
}

interface UnpaidProps {
  application: Application;
  payment: Payment;
  looking: boolean;
  again: () => void;
  reload: () => Promise<void>;
}

/** Not known to be paid. Who says to have paid is told to wait, not to pay again. */
function Unpaid({ application, payment, looking, again, reload }: UnpaidProps) {
  const outcome = parameter('esito');
  if (outcome === 'annullato' || outcome === 'errore') {
    return (
      <>
        <Notice tone="warning" title={tValue('payment.back', outcome)} live><p>{t('payment.backText', { date: formatDate(payment.due) })}</p></Notice>
        <ToPay application={application} payment={payment} reload={reload} />
      </>
    );
  }
  if (outcome !== 'ok') {
    return (
      <>
        <Notice tone="warning" title={t('payment.waiting')}><p>{t('payment.waitingText', { amount: formatEuro(payment.amount), date: formatDate(payment.due) })}</p></Notice>
        <ToPay application={application} payment={payment} reload={reload} />
      </>
    );
  }
  return (
    <>
      <Notice tone="info" title={looking ? t('payment.confirming') : t('payment.late')} live>
        <p>{looking ? t('payment.confirmingText') : t('payment.lateText')}</p>
        {looking && <progress aria-label={t('payment.confirming')} />}
      </Notice>
      <PaymentFacts payment={payment} />
      {!looking && (
        <div class="sv-actions">
          <button type="button" class="btn btn-primary" onClick={again}>{t('payment.lookAgain')}</button>
          <PayButton application={application.id} label={t('payment.payAfterAll')} look="btn btn-outline-primary" reload={reload} />
        </div>
      )}
    </>
  );
}

/** Paid, expired, or on its way back: the API said so. */
function Known({ application, payment }: { application: Application; payment: Payment }) {
  const heading = useRef<HTMLDivElement>(null);
  useEffect(() => heading.current?.focus(), []);
  const paid = payment.state === 'paid';
  const withdrawn = payment.state === 'requested'; // the case ended before it was paid
  return (
    <>
      <div ref={heading} tabindex={-1} class="sv-landing">
        <Notice tone={paid ? 'success' : 'warning'} title={withdrawn ? t('payment.ended') : tValue('paymentTitle', payment.state)} live>
          <p>{withdrawn ? t('payment.endedText') : paid && application.protocol ? t('payment.numbered', numberOf(application.protocol)) : paymentText(application, payment)}</p>
        </Notice>
      </div>
      <PaymentFacts payment={payment} />
      {paid && <p><a href={`${pageUrl('/ricevuta/')}?id=${encodeURIComponent(application.id)}`}>{t('case.receiptLink')}</a></p>}
    </>
  );
}

const numberOf = ({ number, year, date }: Protocol) => ({ number, year, date: formatDate(date) });
