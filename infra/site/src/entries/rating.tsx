import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { RatingPage } from '../pages/RatingPage.tsx';
import english from '../gen/search.en.json';
import italian from '../gen/search.it.json';

await startPage({ chamber: true });
mount(<RatingPage services={currentLanguage() === 'en' ? english : italian} />);
