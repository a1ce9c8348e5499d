// The need search: words as people say them -> services. Runs in the browser on the chamber's few services.
import MiniSearch from 'minisearch';

export interface SearchEntry {
  id: string;
  title: string;
  short: string;
  categoryTitle: string;
  synonyms: string[];
}

type Stemmer = (word: string) => string;

const STOP_WORDS = {
  it:
    'a ad al allo ai agli all alla alle con col coi da dal dallo dai dagli dall dalla dalle di del dello dei degli dell della delle ' +
    'in nel nello nei negli nell nella nelle su sul sullo sui sugli sull sulla sulle per tra fra io tu lui lei noi voi loro mio mia ' +
    'miei mie mi ti ci vi si lo la li le gli ne il un uno una e ed o ma se perche come dove che chi cui non piu quale quanto questo ' +
    'questa ho ha hai sono sei essere avere fare faccio fa voglio vorrei devo posso bisogno serve servono qualcosa',
  en:
    'a an the of to for in on at by with from and or but if as is are am was were be been do does did i you he she it we they my your ' +
    'our their me us this that what which who how where when why want need would like can could must have has get',
};

/** Lower case, without accents: "Attività" and "attivita" are one word. */
export const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

export function makeSearch(entries: SearchEntry[], stemmer: Stemmer, language: 'it' | 'en' = 'it'): (query: string) => SearchEntry[] {
  const stop = new Set(STOP_WORDS[language].split(' '));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  // The apostrophe splits words (dell'impresa); accents go before the stemmer and after it, which may leave some.
  const tokenize = (text: string) => fold(text).split(/[^a-z0-9]+/).filter((word) => word.length > 1 && !stop.has(word));
  const index = new MiniSearch({
    fields: ['title', 'synonyms', 'short', 'categoryTitle'],
    tokenize,
    processTerm: (word) => fold(stemmer(word)),
    searchOptions: {
      boost: { title: 3, synonyms: 2 },
      prefix: (term) => term.length >= 4,
      fuzzy: (term) => (term.length >= 6 ? 0.2 : false),
    },
  });
  index.addAll(entries.map((entry) => ({ ...entry, synonyms: entry.synonyms.join(' . ') })));
  return (query) => index.search(query).flatMap((hit) => byId.get(hit.id as string) ?? []);
}
