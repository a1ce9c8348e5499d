// bi.scss -> src/gen/bi.css: Bootstrap Italia with its primary colour taken out of Sass and put into CSS variables.
//
// The library fixes the primary colour when Sass runs. Here it is compiled twice with two different primaries; the
// lines that differ are the ones that depend on it, and every colour found there is written again as a mix of
// --sv-primary with black or white. So one style sheet serves every chamber, and theme.css holds three lines.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { PurgeCSS } from 'purgecss';
import { distance, parseColour } from './colour.mjs';

const site = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const library = path.join(site, 'node_modules/bootstrap-italia');
const BLUE = [210, 100, 80]; // the library's own default, #0066cc
const OTHER = [330, 80, 70];
const COLOUR = /#[0-9a-f]{3,8}\b|(?:rgb|hsl)a?\([^()]*\)/gi;

// Blues that the library writes by hand, not derived from the primary: left alone they would stay blue on hover.
const HAND_WRITTEN = new Map([
  ['hsl(210,100%,30%)', 'var(--sv-primary-dark)'],
  ['hsl(210,100%,20%)', 'var(--sv-primary-darker)'],
  ['hsl(210,100%,15%)', 'var(--sv-primary-darker)'],
  ['hsl(210,62%,97%)', 'var(--sv-primary-lightest)'],
]);

const DEFAULTS = `:where(:root) {
  --sv-primary: #455a64;
  --sv-primary-rgb: 69, 90, 100;
  --sv-primary-dark: color-mix(in srgb, var(--sv-primary) 75%, black);
  --sv-primary-darker: color-mix(in srgb, var(--sv-primary) 45%, black);
  --sv-primary-lightest: color-mix(in srgb, var(--sv-primary) 6%, white);
}
`;

export async function buildCss({ log = console.log } = {}) {
  const source = fs.readFileSync(path.join(site, 'src/styles/bi.scss'), 'utf8');
  const themed = await cached(source, () => compileThemed(source));
  const purged = await purge(themed);
  fs.mkdirSync(path.join(site, 'src/gen'), { recursive: true });
  fs.writeFileSync(path.join(site, 'src/gen/bi.css'), purged);
  log(`css: ${themed.length} characters themed, ${purged.length} after the purge`);
}

/** The two compiles take seconds and depend only on bi.scss, this file and the library's version. */
async function cached(source, make) {
  const version = JSON.parse(fs.readFileSync(path.join(library, 'package.json'), 'utf8')).version;
  const self = fs.readFileSync(fileURLToPath(import.meta.url), 'utf8');
  const key = createHash('sha256').update(version).update(source).update(self).digest('hex').slice(0, 16);
  const file = path.join(site, '.cache', `bi-${key}.css`);
  if (fs.existsSync(file)) return fs.readFileSync(file, 'utf8');
  const css = await make();
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.part`, css);
  fs.renameSync(`${file}.part`, file);
  return css;
}

async function compileThemed(source) {
  const [blue, other] = await Promise.all([compile(source, BLUE), compile(source, OTHER)]);
  if (blue.length !== other.length) throw new Error('the two compiles differ in length: the diff by line does not hold');
  const lines = blue.map((line, at) => themeLine(line, other[at]));
  return DEFAULTS + lines.join('\n').replace(/--bs-primary-rgb: [^;]+;/g, '--bs-primary-rgb: var(--sv-primary-rgb);');
}

function compile(source, primary) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./sass-worker.mjs', import.meta.url), {
      workerData: { source, loadPath: path.join(library, 'src/scss'), primary },
    });
    worker.once('message', (css) => resolve(css.split('\n')));
    worker.once('error', reject);
  });
}

function themeLine(line, twin) {
  if (/data:|%23/.test(line)) return line; // drawings inside url(): CSS variables do not reach there
  const twins = twin.match(COLOUR) ?? [];
  let at = 0;
  return line.replace(COLOUR, (colour) => {
    const differs = line !== twin && twins[at] !== undefined && twins[at] !== colour;
    at += 1;
    if (differs) return asMix(colour);
    return HAND_WRITTEN.get(colour.replace(/\s+/g, '')) ?? colour;
  });
}

/** A shade of the default blue as the nearest mix of the primary with black or white. */
function asMix(text) {
  const colour = parseColour(text);
  if (!colour) return text;
  const primary = parseColour('#0066cc');
  let best = { error: distance(colour, primary), css: 'var(--sv-primary)' };
  for (const [name, level] of [['black', 0], ['white', 1]]) {
    for (let percent = 0; percent < 100; percent += 1) {
      const share = percent / 100;
      const mix = (channel) => primary[channel] * share + level * (1 - share);
      const error = distance(colour, { r: mix('r'), g: mix('g'), b: mix('b') });
      if (error < best.error - 0.01) best = { error, css: `color-mix(in srgb, var(--sv-primary) ${percent}%, ${name})` };
    }
  }
  if (colour.alpha >= 1) return best.css;
  return `color-mix(in srgb, ${best.css} ${Math.round(colour.alpha * 100)}%, transparent)`;
}

async function purge(css) {
  const [result] = await new PurgeCSS().purge({
    content: ['components', 'pages', 'entries', 'lib'].map((folder) => path.join(site, `src/${folder}/**/*.{ts,tsx}`)),
    css: [{ raw: css }],
    // --bootstrap-italia-version is read by the official validator; variables are kept whole.
    variables: false,
    safelist: { standard: ['active', 'confirmed', 'is-invalid', 'disabled'] },
    defaultExtractor: (content) => content.match(/[\w-/:]+(?<!:)/g) ?? [],
  });
  return result.css.replace('@charset "UTF-8";', ''); // it is not the first line any more, and the files are UTF-8 anyway
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildCss();
