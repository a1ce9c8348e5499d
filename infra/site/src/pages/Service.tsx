// The sheet of a service, in the order that the national model asks for.
import type { ComponentChildren } from 'preact';
import { Icon } from '../components/Icon.tsx';
import { CostLine } from '../components/Payment.tsx';
import { pageUrl, t, tValue } from '../lib/i18n.ts';
import type { Cost } from '../lib/types.ts';

export interface ServiceSheet {
  id: string;
  title: string;
  short: string;
  what: string;
  who: string[];
  notFor: string[];
  whatYouNeed: string[];
  result: string;
  cost: Cost;
  term: { days: number; suspensionDays?: number };
  silence: { text: string };
  remedies: string;
  confidentiality?: string;
  outcomes: { id: string; title: string; text: string }[];
  law: { id: string; title: string }[];
}

export function Service({ service }: { service: ServiceSheet }) {
  const office = `services.${service.id}.office`;
  return (
    <>
      <h1 data-element="service-title">{service.title}</h1>
      <p class="lead" data-element="service-description">{service.short}</p>
      <CostLine cost={service.cost} />
      <p><StartLink service={service.id} /></p>
      <div class="sv-reading">
        <Section id="a-chi" title={t('service.who')}>
          <Items list={service.who} />
        </Section>
        <Section id="cosa" title={t('service.what')}>
          <p>{service.what}</p>
          <p class="sv-list-intro">{t('service.notFor')}</p>
          <Items list={service.notFor} />
        </Section>
        <Section id="cosa-serve" title={t('service.need')}>
          <Items list={service.whatYouNeed} />
        </Section>
        <Section id="cosa-ottieni" title={t('service.result')}>
          <p>{service.result}</p>
          <dl class="sv-definitions">
            {service.outcomes.map((outcome) => (
              <div key={outcome.id}>
                <dt>{outcome.title}</dt>
                <dd>{outcome.text}</dd>
              </div>
            ))}
          </dl>
        </Section>
        <Section id="tempi" title={t('service.times')}>
          <p>
            {t('service.termBefore')}{' '}
            <strong><span data-chamber={`services.${service.id}.termDays`}>{service.term.days}</span> {t('service.days')}</strong>{' '}
            {t('service.termAfter')}
          </p>
          {service.term.suspensionDays && <p>{t('service.suspension', { n: service.term.suspensionDays })}</p>}
          <p>{service.silence.text}</p>
        </Section>
        <Section id="costi" title={t('service.cost')}>
          <p>{service.cost.text}</p>
        </Section>
        <Section id="accedi" title={t('service.access')}>
          <p>{t('service.accessText')}</p>
          <p><StartLink service={service.id} /></p>
        </Section>
        <Section id="riservatezza" title={t('service.remedies')}>
          {service.confidentiality && <p>{service.confidentiality}</p>}
          <p>{service.remedies}</p>
        </Section>
        <Section id="contatti" title={t('service.contacts')}>
          <p>
            <strong data-chamber={`${office}.name`}>{t('service.office')}</strong>
            <br />
            <span data-chamber="name">{t('layout.brand')}</span>
            <br />
            {t('layout.pec')} <a href={pageUrl('/camere/')} data-chamber-mail={`${office}.pec`}>{t('layout.pecOfChamber')}</a>
          </p>
        </Section>
        <Section id="norme" title={t('service.law')}>
          <Items list={service.law.map((law) => law.title)} />
        </Section>
      </div>
    </>
  );
}

function StartLink({ service }: { service: string }) {
  const next = `${pageUrl('/profilo/')}?servizio=${service}`;
  return (
    <a class="btn btn-primary btn-icon" href={`${pageUrl('/accesso/')}?return=${encodeURIComponent(next)}`} data-element="service-online-access">
      <span>{tValue('start', service, t('service.start'))}</span> <Icon name="it-arrow-right" class="icon-white" />
    </a>
  );
}

function Section({ id, title, children }: { id: string; title: string; children: ComponentChildren }) {
  return (
    <section aria-labelledby={id}>
      <h2 id={id} class="h4">{title}</h2>
      {children}
    </section>
  );
}

const Items = ({ list }: { list: string[] }) => (
  <ul class="sv-bullets">
    {list.map((item) => <li key={item}>{item}</li>)}
  </ul>
);
