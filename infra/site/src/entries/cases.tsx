import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { MyCases } from '../pages/MyCases.tsx';
import chambers from '../gen/chambers.json';
import english from '../gen/search.en.json';
import italian from '../gen/search.it.json';

await startPage({ chamber: true });
mount(<MyCases services={currentLanguage() === 'en' ? english : italian} chambers={chambers} />);
