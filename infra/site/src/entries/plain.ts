// Pages that only read: service sheet, privacy, accessibility, not found.
import '../styles/all.css';
import { startPage } from '../lib/shell.ts';

await startPage();
