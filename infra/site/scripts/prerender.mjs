// Writes each page's HTML with the files of its entry, as named in Vite's manifest. Nothing inline: the pages live
// under a content security policy that allows files of this host only.
import fs from 'node:fs';
import path from 'node:path';

const FONTS = ['titillium-web-latin-400-normal.woff2', 'titillium-web-latin-600-normal.woff2'];

export function prerender({ dist, pages, language }) {
  const manifest = JSON.parse(fs.readFileSync(path.join(dist, '.vite/manifest.json'), 'utf8'));
  return pages.map((page) => {
    const files = filesOf(manifest, `src/entries/${page.entry}`, language);
    const address = language === 'en' ? `/en${page.path}` : page.path;
    const file = path.join(dist, address.endsWith('/') ? `${address}index.html` : address);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, html(page, files, language));
    return { address, file, ...files };
  });
}

/** Scripts and styles a page loads at once; the texts of its own language are asked for early. */
function filesOf(manifest, entry, language) {
  const scripts = new Set();
  const styles = new Set();
  const add = (key) => {
    const chunk = manifest[key];
    if (scripts.has(chunk.file)) return;
    scripts.add(chunk.file);
    for (const style of chunk.css ?? []) styles.add(style);
    for (const imported of chunk.imports ?? []) add(imported);
  };
  add(entry);
  const first = manifest[entry].file;
  add(`src/i18n/${language}.json`);
  return { first, scripts: [...scripts], styles: [...styles] };
}

function html(page, { first, scripts, styles }, language) {
  const other = language === 'en' ? 'it' : 'en';
  const own = language === 'en' ? `/en${page.path}` : page.path;
  const twin = other === 'en' ? `/en${page.path}` : page.path;
  const head = [
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escape(page.title)} - ${language === 'en' ? 'Online services' : 'Sportello virtuale'}</title>`,
    `<meta name="description" content="${escape(page.description)}">`,
    page.hidden ? '<meta name="robots" content="noindex">' : '',
    `<link rel="alternate" hreflang="${language}" href="${own}">`,
    `<link rel="alternate" hreflang="${other}" href="${twin}">`,
    '<link rel="icon" href="/logo.svg" type="image/svg+xml">',
    ...FONTS.map((font) => `<link rel="preload" href="/fonts/${font}" as="font" type="font/woff2" crossorigin>`),
    ...styles.map((style) => `<link rel="stylesheet" href="/${style}">`),
    '<link rel="stylesheet" href="/theme.css">',
    '<script src="/chamber.js"></script>',
    ...scripts.filter((script) => script !== first).map((script) => `<link rel="modulepreload" href="/${script}">`),
    `<script type="module" src="/${first}"></script>`,
  ];
  const body = page.body.replace('</header>', '</header><script src="/brand.js"></script>');
  return `<!doctype html>\n<html lang="${language}">\n<head>\n${head.filter(Boolean).join('\n')}\n</head>\n<body>${body}</body>\n</html>\n`;
}

const escape = (text) => text.replace(/&/g, '&amp;').replace(/"/g, '&quot;').replace(/</g, '&lt;');
