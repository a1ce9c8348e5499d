import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { CasePage } from '../pages/CasePage.tsx';
import chambers from '../gen/chambers.json';
import english from '../gen/outcomes.en.json';
import italian from '../gen/outcomes.it.json';

await startPage({ chamber: true });
const inEnglish = currentLanguage() === 'en';
const named = chambers.map(({ id, name, nameEn }) => ({ id, name: inEnglish ? nameEn : name }));
mount(<CasePage services={inEnglish ? english : italian} chambers={named} />);
