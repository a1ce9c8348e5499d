// A chamber's home: "what do you need?" first, then every service.
import { useEffect, useMemo, useState } from 'preact/hooks';
import { Icon } from '../components/Icon.tsx';
import { pageUrl, t } from '../lib/i18n.ts';
import type { SearchEntry } from '../lib/search.ts';

type Search = (query: string) => SearchEntry[];

/** The whole list is in the page as it was built; the search narrows it once its code has come. */
export function NeedSearch({ services, makeSearch }: { services: SearchEntry[]; makeSearch?: () => Search }) {
  const [query, setQuery] = useState('');
  const [settled, setSettled] = useState('');
  const search = useMemo(() => makeSearch?.(), [makeSearch]);
  const asked = query.trim();
  const results = asked && search ? search(asked) : services;

  // Announced once typing pauses: a status at each letter would be noise.
  useEffect(() => {
    const timer = setTimeout(() => setSettled(announce(asked, results.length)), 500);
    return () => clearTimeout(timer);
  }, [asked]);

  return (
    <>
      <form class="sv-search" role="search" onSubmit={(event) => event.preventDefault()}>
        <label for="cerca">{t('home.searchLabel')}</label>
        <p class="form-text sv-hint" id="cerca-aiuto">{t('home.searchHint')}</p>
        <div class="sv-search-box">
          <Icon name="it-search" />
          <input
            id="cerca"
            type="search"
            class="form-control"
            autocomplete="off"
            maxlength={120}
            aria-describedby="cerca-aiuto"
            value={query}
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </div>
      </form>
      <p class="visually-hidden" role="status">{settled}</p>
      <section aria-labelledby="elenco">
        <h2 id="elenco">{asked ? t('home.results') : t('home.allServices')}</h2>
        {results.length > 0 ? <ServiceList services={results} /> : <NothingFound onReset={() => setQuery('')} />}
      </section>
    </>
  );
}

function announce(query: string, count: number): string {
  if (!query) return '';
  return count === 0 ? t('home.none') : count === 1 ? t('home.oneFound') : t('home.found', { n: count });
}

function ServiceList({ services }: { services: SearchEntry[] }) {
  return (
    <ul class="sv-cards">
      {services.map((service) => (
        <li class="it-card rounded shadow-sm border" key={service.id}>
          <div class="it-card-body sv-card">
            <p class="sv-category">{service.categoryTitle}</p>
            <h3 class="it-card-title h5">
              <a href={pageUrl(`/servizi/${service.id}/`)} data-element="service-link">{service.title}</a>
            </h3>
            <p class="it-card-text">{service.short}</p>
          </div>
        </li>
      ))}
    </ul>
  );
}

function NothingFound({ onReset }: { onReset: () => void }) {
  return (
    <div class="callout sv-callout">
      <p>{t('home.none')}</p>
      <p>{t('home.noneHint')}</p>
      <p>
        <button type="button" class="btn btn-outline-primary btn-sm" onClick={onReset}>{t('home.showAll')}</button>
      </p>
    </div>
  );
}
