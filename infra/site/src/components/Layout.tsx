// The frame of every page, rendered at build time only. The chamber's name and addresses are filled in by /brand.js.
import type { ComponentChildren } from 'preact';
import { currentLanguage, pageUrl, t, type Key } from '../lib/i18n.ts';
import { hasPlaceholders } from '../gen/specimen.json';
import { Icon } from './Icon.tsx';
import { Loading } from './Notice.tsx';

interface Crumb {
  title: string;
  href?: string;
}

interface Props {
  /** Path of this page without the language, to link the other one. */
  path: string;
  crumbs?: Crumb[];
  children: ComponentChildren;
}

export function Layout({ path, crumbs, children }: Props) {
  return (
    <>
      <div class="skiplinks sv-skip">
        <a href="#contenuto">{t('layout.skip')}</a>
      </div>
      <Header path={path} />
      <main id="contenuto" class="container sv-main" tabindex={-1}>
        {crumbs && <Breadcrumb crumbs={crumbs} />}
        {path !== CHOOSER && <ChooseFirst />}
        {children}
      </main>
      <Footer />
    </>
  );
}

const CHOOSER = '/camere/';

/** Seen on the bare host only, by its theme: there nothing can be begun before a chamber is chosen, with or without scripts. */
function ChooseFirst() {
  return (
    <div class="alert alert-info sv-choose-first">
      <p>{t('layout.chooseFirst')} <a href={pageUrl(CHOOSER)}>{t('chooser.title')}</a></p>
    </div>
  );
}

const NAVIGATION: { href: string; key: Key; holds: string[] }[] = [
  { href: '/', key: 'layout.services', holds: ['/servizi/'] },
  { href: '/area-personale/', key: 'layout.personalArea', holds: ['/modulo/', '/pratica/', '/ricevuta/', '/pagamento/'] },
  { href: '/camere/', key: 'layout.chambers', holds: [] },
];

function Header({ path }: { path: string }) {
  const english = currentLanguage() === 'en';
  return (
    <header class="it-header-wrapper" id="testata">
      {hasPlaceholders && <p class="sv-specimen">{t('layout.specimen')}</p>}
      <div class="it-header-slim-wrapper">
        <div class="container sv-slim">
          <a class="sv-slim-owner" href={pageUrl('/camere/')}>{t('layout.owner')}</a>
          <div class="sv-slim-right">
            <a href={english ? path : `/en${path}`} lang={english ? 'it' : 'en'} hreflang={english ? 'it' : 'en'} data-keep-query>
              {english ? 'Italiano' : 'English'}
            </a>
            <span id="accesso-utente" class="sv-user">
              <a class="btn btn-sm sv-access" href={pageUrl('/accesso/')} data-element="personal-area-login">
                <Icon name="it-user" class="icon-sm" /> <span>{t('layout.signIn')}</span>
              </a>
            </span>
          </div>
        </div>
      </div>
      <div class="it-header-center-wrapper it-small-header sv-center">
        <div class="container">
          <div class="it-brand-wrapper">
            <a class="sv-brand" href={pageUrl('/')}>
              <img src="/logo.svg" alt="" width="56" height="56" />
              <span class="it-brand-text">
                <span class="it-brand-title" data-chamber="name">{t('layout.brand')}</span>
                <span class="it-brand-tagline">{t('layout.tagline')}</span>
              </span>
            </a>
          </div>
        </div>
      </div>
      <nav class="sv-nav" aria-label={t('layout.mainNavigation')}>
        <div class="container">
          <ul>
            {NAVIGATION.map(({ href, key, holds }) => (
              <li key={href}>
                <a href={pageUrl(href)} aria-current={href === path ? 'page' : holds.some((part) => path.startsWith(part)) ? 'true' : undefined}>{t(key)}</a>
              </li>
            ))}
          </ul>
        </div>
      </nav>
    </header>
  );
}

function Breadcrumb({ crumbs }: { crumbs: Crumb[] }) {
  return (
    <nav class="breadcrumb-container" aria-label={t('layout.breadcrumb')}>
      <ol class="breadcrumb">
        {crumbs.map((crumb, at) => (
          <li class={crumb.href ? 'breadcrumb-item' : 'breadcrumb-item active'} aria-current={crumb.href ? undefined : 'page'} key={crumb.title}>
            {crumb.href ? <a href={crumb.href}>{crumb.title}</a> : crumb.title}
            {at < crumbs.length - 1 && <span class="separator" aria-hidden="true">/</span>}
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Footer() {
  return (
    <footer class="it-footer" id="pie">
      <div class="it-footer-main sv-footer">
        <div class="container">
          <div class="row">
            <section class="col-md-6">
              <h2 class="h4 sv-footer-title" data-chamber="name">{t('layout.brand')}</h2>
              <p>
                {t('layout.pec')}{' '}
                <a href={pageUrl('/camere/')} data-chamber-mail="pec">{t('layout.pecOfChamber')}</a>
              </p>
            </section>
            <nav class="col-md-6" aria-label={t('layout.legal')}>
              <ul class="sv-footer-links">
                <li><a href={pageUrl('/privacy/')} data-element="privacy-policy-link">{t('privacy.title')}</a></li>
                <li><a href={pageUrl('/accessibilita/')} data-element="accessibility-link">{t('accessibility.title')}</a></li>
                <li><a href={pageUrl('/servizi/reclami/')} data-element="report-inefficiency">{t('layout.report')}</a></li>
              </ul>
            </nav>
          </div>
        </div>
      </div>
    </footer>
  );
}

/**
 * What stands where a page's own part will be: with scripts it is gone at once; without them, or if they fail to come,
 * the explanation appears after a few seconds (see .sv-late).
 */
export function Placeholder() {
  return (
    <>
      <Loading />
      <div class="alert alert-warning sv-late">
        <p>{t('layout.noScript')}</p>
        <p>
          <a href={pageUrl('/servizi/reclami/')}>{t('layout.noScriptLink')}</a>
        </p>
      </div>
    </>
  );
}
