import '../styles/all.css';
import { stemmer as englishStemmer } from '@orama/stemmers/english';
import { stemmer as italianStemmer } from '@orama/stemmers/italian';
import { currentLanguage } from '../lib/i18n.ts';
import { revive } from '../lib/mount.tsx';
import { makeSearch } from '../lib/search.ts';
import { startPage } from '../lib/shell.ts';
import { NeedSearch } from '../pages/Home.tsx';
import english from '../gen/search.en.json';
import italian from '../gen/search.it.json';

await startPage({ chamber: true });
const language = currentLanguage();
const services = language === 'en' ? english : italian;
const search = () => makeSearch(services, language === 'en' ? englishStemmer : italianStemmer, language);
revive(<NeedSearch services={services} makeSearch={search} />);
