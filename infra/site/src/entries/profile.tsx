import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import type { NamedService } from '../lib/types.ts';
import { ProfileChoice } from '../pages/ProfileChoice.tsx';
import english from '../gen/outcomes.en.json';
import italian from '../gen/outcomes.it.json';

await startPage({ chamber: true });
mount(<ProfileChoice services={(currentLanguage() === 'en' ? english : italian) as NamedService[]} />);
