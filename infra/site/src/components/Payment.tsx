// What is to be paid, how, and by when; or what became of it.
import { useState } from 'preact/hooks';
import { Problem } from '../lib/api.ts';
import { formatDate, formatDateTime } from '../lib/dates.ts';
import { useBusy } from '../lib/hooks.ts';
import { t, tValue } from '../lib/i18n.ts';
import { formatEuro, groupNotice, pay } from '../lib/payment.ts';
import type { Application, Cost, Payment } from '../lib/types.ts';
import { BusyButton } from './BusyButton.tsx';
import { CallFailure } from './CallFailure.tsx';
import { Notice } from './Notice.tsx';

/** Said before anything is asked: what the service costs, where the fee buys the act. */
export function CostLine({ cost }: { cost: Cost }) {
  return cost.kind === 'act' ? <p class="sv-cost">{t('payment.costs')} <strong>{formatEuro(cost.cents)}</strong>{t('payment.whenPaid')}</p> : null;
}

export function PaymentFacts({ payment }: { payment: Payment }) {
  return (
    <dl class="sv-definitions">
      <div><dt>{t('payment.amount')}</dt><dd><strong>{formatEuro(payment.amount)}</strong></dd></div>
      <div><dt>{t('payment.state')}</dt><dd>{tValue('paymentState', payment.state)}</dd></div>
      {payment.paidAt && <div><dt>{t('payment.paidAt')}</dt><dd>{formatDateTime(payment.paidAt)}</dd></div>}
      {payment.receiptId && <div><dt>{t('payment.receipt')}</dt><dd><code class="sv-code">{payment.receiptId}</code></dd></div>}
      {payment.state === 'requested' && <div><dt>{t('payment.due')}</dt><dd>{formatDate(payment.due)}</dd></div>}
      <div><dt>{t('payment.notice')}</dt><dd><NoticeNumber number={payment.noticeNumber} copied={payment.state === 'requested'} /></dd></div>
    </dl>
  );
}

/** Read in groups, copied without spaces: other sites take only digits. */
function NoticeNumber({ number, copied }: { number: string; copied: boolean }) {
  const [news, setNews] = useState('');
  async function copy() {
    try {
      await navigator.clipboard.writeText(number);
      setNews(t('payment.copied'));
    } catch {
      setNews(t('payment.notCopied'));
    }
  }
  return (
    <span class="sv-notice-number">
      <span class="sv-digits">{groupNotice(number)}</span>
      {copied && <button type="button" class="btn btn-outline-primary btn-sm sv-no-print" onClick={() => void copy()}>{t('payment.copy')}</button>}
      <span role="status" class="sv-small">{news}</span>
    </span>
  );
}

/** What became of a payment that is no longer asked for. Of another sum than was due something is left to do: the case waits, and its notice is used up. */
export function paymentText(application: Application, payment: Payment): string {
  const returned = payment.state === 'refunding' || payment.state === 'refunded';
  if (returned && application.state === 'awaiting_payment') return t('payment.anotherSum', { date: formatDate(payment.due) });
  return tValue('paymentText', payment.state);
}

interface PayProps {
  application: string;
  label?: string;
  look?: string;
  /** Reads anew how the case stands: it may have been paid from another tab, or at a counter. */
  reload: () => Promise<void>;
}

export function PayButton({ application, label, look = 'btn btn-primary', reload }: PayProps) {
  const [busy, setBusy] = useBusy();
  const [failure, setFailure] = useState<unknown>(null);

  async function start() {
    setBusy(true);
    setFailure(null);
    try {
      await pay(application);
    } catch (error) {
      if (error instanceof Problem && error.status === 409) await reload();
      setFailure(error);
      setBusy(false);
      // Where there is nothing to pay any more the button is gone, and the focus with it.
      if (document.activeElement === document.body) document.getElementById('contenuto')?.focus();
    }
  }

  return (
    <>
      {failure !== null && <CallFailure error={failure} kept={t('payment.signedOut')} />}
      <BusyButton class={look} busy={busy} onClick={() => void start()}>{busy ? t('payment.opening') : label ?? t('payment.pay')}</BusyButton>
    </>
  );
}

/** All that one needs in order to pay: here first, which is a screen's first thing also on a small one, then elsewhere. */
export function ToPay({ application, payment, reload }: { application: Application; payment: Payment; reload: () => Promise<void> }) {
  return (
    <>
      <div class="sv-actions sv-no-print"><PayButton application={application.id} reload={reload} /></div>
      <p class="sv-small">{t('payment.elsewhere')}</p>
      <PaymentFacts payment={payment} />
    </>
  );
}

/** What is to be paid, with the way to pay it. */
export function UnpaidNotice({ application, payment, reload }: { application: Application; payment: Payment; reload: () => Promise<void> }) {
  return (
    <section class="sv-to-pay" aria-labelledby="pagamento">
      <Notice tone="warning">
        <h2 class="h4" id="pagamento">{t('payment.waiting')}</h2>
        <p>{t('payment.waitingText', { amount: formatEuro(payment.amount), date: formatDate(payment.due) })}</p>
      </Notice>
      <ToPay application={application} payment={payment} reload={reload} />
    </section>
  );
}
