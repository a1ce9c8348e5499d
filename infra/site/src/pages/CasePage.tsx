// One case: how it stands, what happens next, what is asked of me, and everything that happened so far.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { StateBadge } from '../components/Badge.tsx';
import { CaseTimeline } from '../components/CaseTimeline.tsx';
import { Documents } from '../components/Documents.tsx';
import { IntegrationReply } from '../components/IntegrationReply.tsx';
import { Messages } from '../components/Messages.tsx';
import { Failure, Loading, Notice } from '../components/Notice.tsx';
import { PaymentFacts, UnpaidNotice, paymentText } from '../components/Payment.tsx';
import { Summary } from '../components/Summary.tsx';
import { Withdrawal } from '../components/Withdrawal.tsx';
import { get } from '../lib/api.ts';
import { formatDate, formatDateTime, formatInstant } from '../lib/dates.ts';
import { useLoaded, usePolling } from '../lib/hooks.ts';
import { pageUrl, t, tValue } from '../lib/i18n.ts';
import type { FormDefinition } from '../lib/form.ts';
import { documentUrl, parameter } from '../lib/navigation.ts';
import { neverNumbered } from '../lib/payment.ts';
import type { Application, Payment, Timeline } from '../lib/types.ts';

export type FormLoader = (service: string) => Promise<FormDefinition>;

interface Names {
  loadForm: FormLoader;
  services: { id: string; title: string; outcomes: { id: string; title: string }[] }[];
  chambers: { id: string; name: string }[];
}

interface Case {
  application: Application;
  timeline: Timeline;
  /** For the words of what was presented; without it the rest is shown all the same. */
  form: FormDefinition | null;
}

async function readCase(loadForm: FormLoader): Promise<Case> {
  const path = `/applications/${encodeURIComponent(parameter('id'))}`;
  const [application, timeline] = await Promise.all([get<Application>(path), get<Timeline>(`${path}/timeline`)]);
  return { application, timeline, form: await loadForm(application.service).catch(() => null) };
}

export function CasePage(names: Names) {
  const [loaded, reload] = useLoaded(() => readCase(names.loadForm));
  const value = loaded.state === 'ready' ? loaded.value : null;
  usePolling(['awaiting_payment', 'presented'].includes(value?.application.state ?? ''), reload); // the number comes seconds after presenting, or paying
  if (loaded.state === 'loading') return <Unnamed><Loading /></Unnamed>;
  if (loaded.state === 'failed') return <Unnamed><Failure error={loaded.error} retry={() => void reload()} /></Unnamed>;
  if (loaded.value.application.state === 'draft') {
    location.replace(`${pageUrl('/modulo/')}?id=${encodeURIComponent(loaded.value.application.id)}`);
    return <Unnamed><Loading /></Unnamed>;
  }
  return <CaseView {...loaded.value} names={names} reload={reload} />;
}

/** A page has a heading before it knows its case, and without ever knowing it. */
function Unnamed({ children }: { children: ComponentChildren }) {
  return (
    <>
      <h1>{t('case.title')}</h1>
      {children}
    </>
  );
}

const HEADING = 'titolo-pratica';
const REPLIED = 'risposta-inviata';
const ENDED = new Set(['decided', 'closed', 'preserved', 'withdrawn', 'expired', 'transferred']);

function CaseView({ application, timeline, form, names, reload }: Case & { names: Names; reload: () => Promise<void> }) {
  const [replied, setReplied] = useState(false);
  useEffect(() => {
    if (replied) document.getElementById(REPLIED)?.focus();
  }, [replied]);
  const service = names.services.find((candidate) => candidate.id === application.service);
  const open = !ENDED.has(application.state);
  const toPay = application.state === 'awaiting_payment' && application.payment?.state === 'requested' ? application.payment : undefined;
  const requests = (application.requests ?? []).filter((request) => !request.answered && !request.lapsed && application.state === 'awaiting_integration');
  return (
    <>
      <div class="sv-case-head">
        <h1 id={HEADING} tabindex={-1} class="sv-landing">{service?.title ?? application.service}</h1>
        <p class="sv-case-state" role="status"><span class="visually-hidden">{t('case.state')} </span><StateBadge state={application.state} /></p>
      </div>
      {replied && requests.length === 0 && <Notice tone="success" title={t('reply.done')} live id={REPLIED}><p>{t('reply.doneText')}</p></Notice>}
      {toPay && <UnpaidNotice application={application} payment={toPay} reload={reload} />}
      {requests.map((request) => <IntegrationReply key={request.id} application={application} request={request} done={() => reload().then(() => setReplied(true))} />)}
      {application.outcome && <Outcome application={application} titles={service?.outcomes ?? []} />}
      {application.survey && <SurveyLink survey={application.survey} />}
      <div class="row sv-block">
        <section class="col-lg-7" aria-labelledby="dati">
          <h2 class="h4" id="dati">{t('case.data')}</h2>
          <Facts application={application} chamber={names.chambers.find((chamber) => chamber.id === application.chamber)?.name ?? application.chamber} />
        </section>
        <section class="col-lg-5" aria-labelledby="adesso">
          <h2 class="h4" id="adesso">{t('case.next')}</h2>
          <Next timeline={timeline} application={application} />
        </section>
      </div>
      {application.payment && !toPay && <PastPayment application={application} payment={application.payment} />}
      <section class="sv-block" aria-labelledby="storia">
        <h2 class="h4" id="storia">{t('case.timeline')}</h2>
        <CaseTimeline items={timeline.items} application={application} />
      </section>
      {form && <Presented application={application} form={form} />}
      <Documents application={application} />
      {application.evidence && <Evidence application={application} />}
      <Messages application={application} items={timeline.items} done={reload} />
      {open && <Withdrawal application={application} done={() => reload().then(() => document.getElementById(HEADING)?.focus())} />}
    </>
  );
}

function PastPayment({ application, payment }: { application: Application; payment: Payment }) {
  return (
    <section class="sv-block" aria-labelledby="pagamento">
      <h2 class="h4" id="pagamento">{t('payment.title')}</h2>
      {['expired', 'refunding', 'refunded'].includes(payment.state) && <p>{paymentText(application, payment)}</p>}
      <PaymentFacts payment={payment} />
    </section>
  );
}

function Evidence({ application }: { application: Application }) {
  return (
    <section class="sv-block" aria-labelledby="prova">
      <h2 class="h4" id="prova">{t('evidence.title')}</h2>
      <p class="sv-evidence">{t('evidence.text')}</p>
      <p><a class="btn btn-outline-primary" href={`/api/v1/applications/${encodeURIComponent(application.id)}/evidence`}>{t('evidence.download')}</a></p>
    </section>
  );
}

function Presented({ application, form }: { application: Application; form: FormDefinition }) {
  return (
    <section class="sv-block" aria-labelledby="presentato">
      <h2 class="h4" id="presentato">{t('case.presented')}</h2>
      <details class="sv-details">
        <summary>{t('case.presentedOpen')}</summary>
        <Summary form={form} application={application} answers={application.answers} attachments={application.attachments ?? []} />
      </details>
    </section>
  );
}

function Facts({ application, chamber }: { application: Application; chamber: string }) {
  const { protocol, deadline } = application;
  const sealed = (application.documents ?? []).filter((document) => document.kind === 'receipt');
  return (
    <dl class="sv-definitions">
      <div><dt>{t('case.protocol')}</dt><dd>{protocol ? t('case.protocolValue', { number: protocol.number, year: protocol.year, date: formatDate(protocol.date) }) : noNumber(application)}</dd></div>
      {protocol?.external && <div><dt>{t('case.protocolOfChamber')}</dt><dd>{t('case.protocolValue', { number: protocol.external.number, year: protocol.external.year, date: formatDate(protocol.external.date) })}</dd></div>}
      {application.presentedAt && <div><dt>{t('case.presentedAt')}</dt><dd>{formatInstant(application.presentedAt)}</dd></div>}
      {deadline?.due && !ENDED.has(application.state) && <div><dt>{t('case.due')}</dt><dd>{formatDate(deadline.due)}{deadline.suspended ? ` (${t('case.suspended')})` : ''}</dd></div>}
      <div><dt>{t('case.applicant')}</dt><dd>{application.profile.name}{application.filer && `, ${t('case.filer', { name: application.filer.name })}`}</dd></div>
      <div><dt>{t('case.chamber')}</dt><dd>{chamber}</dd></div>
      {application.officer?.name && <div><dt>{t('case.officer')}</dt><dd>{application.officer.name}</dd></div>}
      {application.presentedAt && (
        <div>
          <dt>{t('case.receipt')}</dt>
          <dd>
            <a href={`${pageUrl('/ricevuta/')}?id=${encodeURIComponent(application.id)}`}>{t('case.receiptLink')}</a>
            {sealed.map((document) => <span key={document.id}>{' '}(<a href={documentUrl(application, document)}>{t('case.receiptPdf')}</a>)</span>)}
          </dd>
        </div>
      )}
      {(application.mail ?? []).filter((mail) => mail.kind !== 'office-notice').map((mail) => (
        <div key={mail.kind + mail.at}><dt>{t('case.mail')}</dt><dd>{t('case.mailOf', { kind: tValue('mailKind', mail.kind), when: formatDateTime(mail.at), state: tValue('mail', mail.state) })}</dd></div>
      ))}
    </dl>
  );
}

function noNumber(application: Application): string {
  if (neverNumbered(application)) return t('case.protocolNever');
  return application.state === 'awaiting_payment' ? t('case.protocolPaid') : t('case.protocolSoon');
}

function Next({ timeline, application }: { timeline: Timeline; application: Application }) {
  const next = timeline.next ?? [];
  if (next.length === 0) return <p>{tValue('next', application.state, t('case.nextNone'))}</p>;
  return (
    <ul class="sv-bullets">
      {next.map((step) => <li key={step.title}>{tValue('step', step.title)}{step.due ? `: ${t('case.by', { date: formatDate(step.due) })}` : ''}</li>)}
    </ul>
  );
}

function Outcome({ application, titles }: { application: Application; titles: { id: string; title: string }[] }) {
  const outcome = application.outcome!;
  const document = (application.documents ?? []).find((candidate) => candidate.id === outcome.document);
  return (
    <section class="callout sv-callout" aria-labelledby="esito">
      <h2 class="h4" id="esito">{t('case.outcome')}: {titles.find((title) => title.id === outcome.kind)?.title ?? outcome.label ?? outcome.kind}</h2>
      <p class="sv-small">{formatDateTime(outcome.at)}</p>
      <p class="sv-pre">{outcome.text}</p>
      {outcome.document && (
        <p><a class="btn btn-outline-primary btn-sm" href={documentUrl(application, { id: outcome.document })}>{document ? t('case.download', { name: document.name }) : t('case.downloadOutcome')}</a></p>
      )}
    </section>
  );
}

function SurveyLink({ survey }: { survey: { token?: string; rated?: boolean } }) {
  if (survey.rated) return <p class="sv-small">{t('case.rated')}</p>;
  if (!survey.token) return <p class="sv-small">{t('case.rateByMail')}</p>;
  return (
    <Notice tone="info" title={t('case.rateTitle')}>
      <p><a href={`${pageUrl('/valuta/')}?t=${encodeURIComponent(survey.token)}`}>{t('case.rate')}</a></p>
    </Notice>
  );
}
