import '../styles/all.css';
import { mount } from '../lib/mount.tsx';
import { startPage } from '../lib/shell.ts';
import { ReceiptPage } from '../pages/ReceiptPage.tsx';

await startPage({ chamber: true });
mount(<ReceiptPage />);
