// The personal area: what needs me, what I have not finished, and everything else.
import { useState } from 'preact/hooks';
import { BusyButton } from '../components/BusyButton.tsx';
import { StateBadge } from '../components/Badge.tsx';
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { firstCases, moreCases, mostPressing, newestFirst, type Page } from '../lib/cases.ts';
import { formatDate, formatDateTime } from '../lib/dates.ts';
import { useLoaded } from '../lib/hooks.ts';
import { pageUrl, t } from '../lib/i18n.ts';
import { formatEuro } from '../lib/payment.ts';
import type { ApplicationRow, State } from '../lib/types.ts';

interface Names {
  services: { id: string; title: string }[];
  chambers: { id: string; shortName: string }[];
}

export function MyCases(names: Names) {
  const [first, reload] = useLoaded(firstCases);
  if (first.state === 'loading') return <Loading />;
  if (first.state === 'failed') return <Failure error={first.error} retry={() => void reload()} />;
  return <Cases first={first.value} names={names} />;
}

const WAITING = new Set<State>(['awaiting_payment', 'awaiting_integration']);

function Cases({ first, names }: { first: Page; names: Names }) {
  const [rows, setRows] = useState(first.rows);
  const [rest, setRest] = useState(first.rest);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);

  async function more() {
    setBusy(true);
    setFailure(null);
    try {
      const page = await moreCases(rest);
      setRows((list) => [...list, ...page.rows].sort(newestFirst));
      setRest(page.rest);
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  }

  const drafts = rows.filter((row) => row.state === 'draft');
  const waiting = rows.filter((row) => WAITING.has(row.state)).sort(mostPressing);
  const others = rows.filter((row) => row.state !== 'draft' && !WAITING.has(row.state));
  if (rows.length === 0) {
    return (
      <Notice tone="info">
        <p>{t('cases.none')}</p>
        <p><a href={pageUrl('/')}>{t('cases.toServices')}</a></p>
      </Notice>
    );
  }
  return (
    <>
      <Group title={t('cases.waiting')} rows={waiting} names={names} />
      <Group title={t('cases.drafts')} rows={drafts} names={names} />
      <Group title={t('cases.presented')} rows={others} names={names} />
      {failure !== null && <Failure error={failure} />}
      {rest.length > 0 && (
        <BusyButton class="btn btn-outline-primary" busy={busy} onClick={() => void more()}>{t('cases.more')}</BusyButton>
      )}
    </>
  );
}

function Group({ title, rows, names }: { title: string; rows: ApplicationRow[]; names: Names }) {
  if (rows.length === 0) return null;
  return (
    <section aria-label={title}>
      <h2 class="h4">{title}</h2>
      <ul class="sv-rows">
        {rows.map((row) => <Row row={row} names={names} key={row.id} />)}
      </ul>
    </section>
  );
}

function Row({ row, names }: { row: ApplicationRow; names: Names }) {
  const service = names.services.find((candidate) => candidate.id === row.service)?.title ?? row.service;
  const chamber = names.chambers.find((candidate) => candidate.id === row.chamber)?.shortName ?? row.chamber;
  const draft = row.state === 'draft';
  const href = `${pageUrl(draft ? '/modulo/' : '/pratica/')}?id=${encodeURIComponent(row.id)}`;
  return (
    <li class="it-card rounded border sv-row">
      <div class="sv-row-head">
        <h3 class="h6">
          <a href={href}>{draft ? t('cases.continue', { service }) : row.protocol ? t('cases.numbered', { service, number: row.protocol.number, year: row.protocol.year }) : service}</a>
        </h3>
        <StateBadge state={row.state} />
      </div>
      <p class="sv-row-detail">
        {t('cases.chamber', { name: chamber })}, {t('cases.onBehalf', { name: row.profile.name })}
        <br />
        {row.presentedAt ? t('cases.presentedOn', { when: formatDate(row.presentedAt) }) : t('cases.savedOn', { when: formatDateTime(row.updatedAt) })}
        {row.toPay && <><br /><strong>{t('cases.toPay', { amount: formatEuro(row.toPay.amount), date: formatDate(row.toPay.due) })}</strong></>}
        {row.expiresAt && <><br />{t('draft.expires', { when: formatDate(row.expiresAt) })}</>}
      </p>
    </li>
  );
}
