// Every page of the site as the build draws it: address, title, script, and what can be read without scripts.
import type { ComponentChild } from 'preact';
import { Layout, Placeholder } from '../components/Layout.tsx';
import { PLACE } from '../lib/mount.tsx';
import { pageUrl, t, type Language } from '../lib/i18n.ts';
import { Chooser, type ChamberEntry } from './Chooser.tsx';
import { NeedSearch } from './Home.tsx';
import { Prose, type ProseSection } from './Prose.tsx';
import { Service, type ServiceSheet } from './Service.tsx';
import { SignIn } from './SignIn.tsx';
import chambers from '../gen/chambers.json';
import searchEn from '../gen/search.en.json';
import searchIt from '../gen/search.it.json';
import servicesEn from '../gen/services.en.json';
import servicesIt from '../gen/services.it.json';
import proseEn from '../i18n/prose.en.json';
import proseIt from '../i18n/prose.it.json';

export interface Page {
  /** Without the language: "/accesso/". */
  path: string;
  title: string;
  description: string;
  entry: string;
  body: ComponentChild;
  /** Pages about one person's affairs stay out of search engines. */
  hidden?: boolean;
}

export interface Prose {
  privacy: ProseSection[];
  accessibility: ProseSection[];
}

/** Call setTexts first: bodies are drawn in the language of the moment. */
export function pagesIn(language: Language, base: string): Page[] {
  const english = language === 'en';
  const services = (english ? servicesEn : servicesIt) as unknown as ServiceSheet[];
  const prose = (english ? proseEn : proseIt) as Prose;
  const home = { title: t('layout.services'), href: pageUrl('/') };
  const area = { title: t('layout.personalArea'), href: pageUrl('/area-personale/') };

  const island = (path: string, title: string, entry: string, options: { lead?: string; wide?: boolean; crumbs?: { title: string; href?: string }[]; ownHeading?: boolean } = {}): Page => ({
    path,
    title,
    description: t('layout.description'),
    entry,
    hidden: true,
    body: (
      <Layout path={path} crumbs={options.crumbs ?? [home, { title }]}>
        <div class={options.wide ? undefined : 'sv-narrow'}>
          {!options.ownHeading && <h1>{title}</h1>}
          {options.lead && <p class="lead">{options.lead}</p>}
          <div id={PLACE}><Placeholder /></div>
        </div>
      </Layout>
    ),
  });

  return [
    {
      path: '/',
      title: t('home.pageTitle'),
      description: t('layout.description'),
      entry: 'home.tsx',
      body: (
        <Layout path="/">
          <h1>{t('home.title')}</h1>
          <div id={PLACE}><NeedSearch services={english ? searchEn : searchIt} /></div>
        </Layout>
      ),
    },
    {
      path: '/camere/',
      title: t('chooser.title'),
      description: t('layout.description'),
      entry: 'chooser.ts',
      body: (
        <Layout path="/camere/">
          <h1>{t('chooser.title')}</h1>
          <p class="lead">{t('chooser.lead')}</p>
          <Chooser chambers={chambers as ChamberEntry[]} base={base} />
        </Layout>
      ),
    },
    ...services.map((service) => ({
      path: `/servizi/${service.id}/`,
      title: service.title,
      description: service.short,
      entry: 'plain.ts',
      body: (
        <Layout path={`/servizi/${service.id}/`} crumbs={[home, { title: service.title }]}>
          <Service service={service} />
        </Layout>
      ),
    })),
    {
      path: '/accesso/',
      title: t('signIn.title'),
      description: t('layout.description'),
      entry: 'signin.tsx',
      hidden: true,
      body: (
        <Layout path="/accesso/" crumbs={[home, { title: t('signIn.title') }]}>
          <div class="sv-narrow">
            <h1>{t('signIn.title')}</h1>
            <p class="lead">{t('signIn.lead')}</p>
            <div id={PLACE} class="sv-of-chamber"><SignIn returnTo={pageUrl('/area-personale/')} /></div>
          </div>
        </Layout>
      ),
    },
    island('/profilo/', t('profile.title'), 'profile.tsx', { lead: t('profile.lead') }),
    island('/modulo/', t('form.title'), 'form.tsx', { crumbs: [home, area, { title: t('form.title') }] }),
    island('/ricevuta/', t('receipt.title'), 'receipt.tsx', { crumbs: [home, area, { title: t('receipt.title') }] }),
    island('/pagamento/', t('payment.title'), 'payment.tsx', { crumbs: [home, area, { title: t('payment.title') }] }),
    island('/area-personale/', t('cases.title'), 'cases.tsx'),
    island('/pratica/', t('case.title'), 'case.tsx', { wide: true, ownHeading: true, crumbs: [home, area, { title: t('case.title') }] }),
    island('/valuta/', t('rating.title'), 'rating.tsx'),
    ...(['privacy', 'accessibility'] as const).map((name) => ({
      path: name === 'privacy' ? '/privacy/' : '/accessibilita/',
      title: t(`${name}.title`),
      description: t(`${name}.lead`),
      entry: 'plain.ts',
      body: (
        <Layout path={name === 'privacy' ? '/privacy/' : '/accessibilita/'} crumbs={[home, { title: t(`${name}.title`) }]}>
          <Prose title={t(`${name}.title`)} lead={t(`${name}.lead`)} sections={prose[name]} />
        </Layout>
      ),
    })),
    {
      path: '/404.html',
      title: t('notFound.title'),
      description: t('layout.description'),
      entry: 'plain.ts',
      hidden: true,
      body: (
        <Layout path="/404.html">
          <h1>{t('notFound.title')}</h1>
          <p class="lead">{t('notFound.text')}</p>
          <ul class="sv-bullets">
            <li><a href={pageUrl('/')}>{t('notFound.services')}</a></li>
            <li><a href={pageUrl('/area-personale/')}>{t('notFound.cases')}</a></li>
          </ul>
        </Layout>
      ),
    },
  ];
}
