import '../styles/all.css';
import { currentLanguage, pageUrl } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { leftInEnglish } from '../lib/payment.ts';
import { startPage } from '../lib/shell.ts';
import { PaymentPage } from '../pages/PaymentPage.tsx';

await startPage({ chamber: true });
if (leftInEnglish() && currentLanguage() === 'it') location.replace(`/en${pageUrl('/pagamento/')}${location.search}`);
else mount(<PaymentPage />);
