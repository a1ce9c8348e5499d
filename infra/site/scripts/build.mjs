// npm run build: catalogue -> styles -> scripts -> pages -> dist, and a page over the budget fails the build.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { buildCss } from './build-css.mjs';
import { writeGenerated, writeThemes } from './catalogue.mjs';
import { prerender } from './prerender.mjs';
import { hindrances, insist } from './release.mjs';
import { buildSprite } from './sprite.mjs';

const site = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
// Built beside and swapped in at the end: whoever is serving dist meanwhile never finds half a site.
const dist = path.join(site, '.next');
const published = path.join(site, 'dist');
const BUDGET = 60_000; // bytes, gzipped: HTML, styles and scripts of a page's first load
const base = process.env.PORTAL_BASE ?? 'http://localhost:8080';

insist(process.env.STAGE, hindrances({ stage: process.env.STAGE, base: process.env.PORTAL_BASE }));

const started = Date.now();
process.chdir(site);
writeGenerated(path.join(site, 'src/gen'));
copyFonts();
buildSprite(site);
await buildCss({ log: () => {} });
await build({ configFile: path.join(site, 'vite.config.ts') });
await build({ configFile: path.join(site, 'vite.config.ts'), build: { ssr: true } });

const { renderPages } = await import(pathToFileURL(path.join(site, '.ssr/build.js')).href);
const written = ['it', 'en'].flatMap((language) => prerender({ dist, language, pages: renderPages(language, textsOf(language), base) }));
writeThemes(path.join(dist, 'themes'));
// The viewer function must know every page; a test of the template compares.
fs.writeFileSync(path.join(dist, 'pages.json'), `${JSON.stringify(written.map((page) => page.address).filter((address) => address.endsWith('/')).sort(), null, 2)}\n`);
fs.rmSync(path.join(dist, '.vite'), { recursive: true });

const heaviest = written.map((page) => ({ address: page.address, bytes: weigh(page) })).sort((a, b) => b.bytes - a.bytes);
for (const { address, bytes } of heaviest) console.log(`${(bytes / 1000).toFixed(1).padStart(6)} kB  ${address}`);
console.log(`${written.length} pages in ${((Date.now() - started) / 1000).toFixed(1)} s`);
if (heaviest[0].bytes > BUDGET) {
  console.error(`${heaviest[0].address} weighs more than ${BUDGET / 1000} kB`);
  process.exit(1);
}
fs.rmSync(published, { recursive: true, force: true });
fs.renameSync(dist, published);

function textsOf(language) {
  return JSON.parse(fs.readFileSync(path.join(site, `src/i18n/${language}.json`), 'utf8'));
}

function weigh(page) {
  const files = [page.file, ...[...page.scripts, ...page.styles].map((name) => path.join(dist, name))];
  return files.reduce((sum, file) => sum + gzipSync(fs.readFileSync(file), { level: 9 }).length, 0);
}

function copyFonts() {
  const target = path.join(site, 'public/fonts');
  fs.mkdirSync(target, { recursive: true });
  for (const weight of [400, 600, 700]) {
    const name = `titillium-web-latin-${weight}-normal.woff2`;
    fs.copyFileSync(path.join(site, 'node_modules/@fontsource/titillium-web/files', name), path.join(target, name));
  }
}
