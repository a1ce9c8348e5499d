import '../styles/all.css';
import { currentLanguage } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { ReceiptPage } from '../pages/ReceiptPage.tsx';
import english from '../gen/outcomes.en.json';
import italian from '../gen/outcomes.it.json';

await startPage({ chamber: true });
mount(<ReceiptPage services={currentLanguage() === 'en' ? english : italian} />);
