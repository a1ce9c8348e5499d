import '../styles/all.css';
import { baseHost } from '../lib/chamber.ts';
import { startPage } from '../lib/shell.ts';

await startPage();
const links = [...document.querySelectorAll<HTMLAnchorElement>('a[data-host]')];
const labels = links.map((link) => link.dataset.host ?? '');
const base = baseHost(location.host, labels);
for (const link of links) link.href = `${location.protocol}//${link.dataset.host}.${base}/`;
