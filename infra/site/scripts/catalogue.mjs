// Reads the catalogue (shared/domain/catalogue/data) for everything that is made from it: pages, themes, search, tests.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const dataFolder = path.resolve(here, '../../../shared/domain/catalogue/data');

const readJson = (...parts) => JSON.parse(fs.readFileSync(path.join(dataFolder, ...parts), 'utf8'));

export function readChambers() {
  return fs
    .readdirSync(path.join(dataFolder, 'chambers'))
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => readJson('chambers', name));
}

/** Every value that is an example and must be replaced before real use, as "chamber: /pointer". */
export function placeholders(chambers = readChambers()) {
  return chambers.flatMap(({ id, placeholders: pointers }) => (pointers ?? []).map((pointer) => `${id}: ${pointer}`));
}

export function readLogo(chamber) {
  return fs.readFileSync(path.join(dataFolder, 'chambers', chamber.logo), 'utf8');
}

export function serviceIds() {
  return fs.readdirSync(path.join(dataFolder, 'services')).sort();
}

/** The service sheet in a language: the Italian file with the translated texts laid over it. */
export function readService(id, language = 'it') {
  return inLanguage(id, 'service', language);
}

export function readForm(id, language = 'it') {
  return inLanguage(id, 'form', language);
}

function inLanguage(id, name, language) {
  const original = readJson('services', id, `${name}.json`);
  if (language === 'it') return original;
  return overlay(original, readJson('services', id, `${name}.${language}.json`));
}

/** Objects are merged, arrays of objects are merged by id or const, anything else is replaced. */
export function overlay(base, over) {
  if (Array.isArray(base) && Array.isArray(over) && isObject(base[0])) {
    return base.map((item) => {
      const match = over.find((other) => (other.id ?? other.const) === (item.id ?? item.const));
      return match ? overlay(item, match) : item;
    });
  }
  if (isObject(base) && isObject(over)) {
    const merged = { ...base };
    for (const [key, value] of Object.entries(over)) merged[key] = key in base ? overlay(base[key], value) : value;
    return merged;
  }
  return over;
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

export function readFixtures(id) {
  const folder = path.join(dataFolder, 'services', id, 'fixtures');
  return ['valid', 'invalid'].flatMap((kind) =>
    fs.readdirSync(path.join(folder, kind)).sort().map((file) => ({
      kind,
      name: `${kind}/${file}`,
      ...JSON.parse(fs.readFileSync(path.join(folder, kind, file), 'utf8')),
    })),
  );
}

/** What the browser needs of the catalogue, written where Vite finds it: src/gen. */
export function writeGenerated(folder) {
  fs.mkdirSync(folder, { recursive: true });
  const write = (name, value) => fs.writeFileSync(path.join(folder, name), JSON.stringify(value));
  write('specimen.json', { hasPlaceholders: placeholders().length > 0 });
  write('chambers.json', readChambers().map(({ id, name, nameEn, shortName, provinces, hosts }) => ({ id, name, nameEn, shortName, provinces, hosts })));
  for (const language of ['it', 'en']) {
    const services = serviceIds().map((id) => readService(id, language));
    write(`services.${language}.json`, services);
    write(`search.${language}.json`, services.map(({ id, title, short, categoryTitle, synonyms }) => ({ id, title, short, categoryTitle, synonyms })));
    write(`outcomes.${language}.json`, services.map(({ id, title, profiles, cost, outcomes }) => ({ id, title, profiles, cost, outcomes: outcomes.map((outcome) => ({ id: outcome.id, title: outcome.title })) })));
    for (const id of serviceIds()) write(`form-${id}.${language}.json`, readForm(id, language));
  }
}

/** themes/<chamber>/{theme.css,chamber.js,logo.svg}: the viewer function serves them at fixed addresses by host. */
export function writeThemes(folder) {
  for (const chamber of readChambers()) {
    const target = path.join(folder, chamber.id);
    fs.mkdirSync(target, { recursive: true });
    fs.writeFileSync(path.join(target, 'theme.css'), themeCss(chamber.colours.primary));
    fs.writeFileSync(path.join(target, 'chamber.js'), chamberScript(publicChamber(chamber)));
    fs.writeFileSync(path.join(target, 'logo.svg'), readLogo(chamber));
  }
  const target = path.join(folder, 'default');
  fs.mkdirSync(target, { recursive: true });
  // No chamber, nothing to begin: the pages say so, and offer no way in that would lead nowhere.
  fs.writeFileSync(path.join(target, 'theme.css'), `${themeCss('#455a64')}.sv-choose-first{display:block}.sv-of-chamber{display:none}\n`);
  fs.writeFileSync(path.join(target, 'chamber.js'), chamberScript(null));
  fs.writeFileSync(path.join(target, 'logo.svg'), fs.readFileSync(path.join(here, '../src/styles/logo.svg'), 'utf8'));
}

function themeCss(primary) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(primary.slice(at, at + 2), 16));
  return `html:root{--sv-primary:${primary};--sv-primary-rgb:${r},${g},${b}}\n`;
}

const chamberScript = (chamber) => `window.CHAMBER=${JSON.stringify(chamber)};\n`;

/** Nothing but what a page shows. */
function publicChamber({ id, name, nameEn, shortName, provinces, pec, offices, services, hosts }) {
  const byService = {};
  for (const [service, settings] of Object.entries(services)) {
    const office = offices.find((candidate) => candidate.services.includes(service));
    byService[service] = { ...settings, office: office && { name: office.name, pec: office.pec, responsible: office.responsible, substitute: office.substitute } };
  }
  return { id, name, nameEn, shortName, provinces, pec, hosts, services: byService };
}
