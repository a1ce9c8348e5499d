import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { pageUrl, setTexts, t, tValue } from '../../src/lib/i18n.ts';
import { readForm, readService, serviceIds } from '../../scripts/catalogue.mjs';
import english from '../../src/i18n/en.json' with { type: 'json' };
import italian from '../../src/i18n/it.json' with { type: 'json' };
import proseEn from '../../src/i18n/prose.en.json' with { type: 'json' };
import proseIt from '../../src/i18n/prose.it.json' with { type: 'json' };

const source = path.resolve(import.meta.dirname, '../../src');

function code(folder: string): string {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'gen' ? '' : code(name);
      return /\.tsx?$/.test(name) ? fs.readFileSync(name, 'utf8') : '';
    })
    .join('\n');
}

const shape = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(shape);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === 'id' ? inner : shape(inner)]));
  return typeof value;
};

describe('texts', () => {
  it('have the same keys and the same places to fill in both languages', () => {
    expect(Object.keys(english).sort()).toEqual(Object.keys(italian).sort());
    const places = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const [key, text] of Object.entries(italian)) {
      expect(text.trim(), key).not.toBe('');
      expect(places(english[key as keyof typeof english]), key).toEqual(places(text));
    }
  });

  it('are written once: of two under one key the reader of the file would take the last, in silence', () => {
    for (const [name, texts] of Object.entries({ it: italian, en: english })) {
      const keys = [...fs.readFileSync(path.join(source, `i18n/${name}.json`), 'utf8').matchAll(/^\s*"([^"]+)":/gm)].map(([, key]) => key);
      expect(keys, name).toEqual(Object.keys(texts));
    }
  });

  it('say one act with one word in English: an application is filed', () => {
    expect(Object.values(english).filter((text) => /\bpresent(ed|ing|ation)?\b/i.test(text))).toEqual([]);
  });

  it('have the same shape in long form', () => {
    expect(shape(proseEn)).toEqual(shape(proseIt));
  });

  it('exist for every key that the code names', () => {
    const named = [...code(source).matchAll(/\bt\('([a-zA-Z][\w.-]*)'/g)].map((match) => match[1]);
    expect(named.length).toBeGreaterThan(150);
    expect(named.filter((key) => !(key in italian))).toEqual([]);
  });

  it('are all used: by name, or by a prefix that a value completes', () => {
    const all = code(source);
    const prefixes = [...all.matchAll(/t\(`([\w.]+)\.\$\{/g), ...all.matchAll(/tValue\('([\w.]+)'/g)].map((match) => `${match[1]}.`);
    const unused = Object.keys(italian).filter((key) => !all.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)) && !/^(privacy|accessibility)\.(title|lead)$/.test(key));
    expect(unused).toEqual([]);
  });
});

describe.each(serviceIds())('English of %s', (id) => {
  it.each([
    ['service', readService(id, 'it'), readService(id, 'en')],
    ['form', readForm(id, 'it'), readForm(id, 'en')],
  ])('%s keeps everything but its texts', (name, original, translated) => {
    const same = ['version', 'lifeEvents', 'businessEvents', 'authentication', 'profiles', 'rules', 'required', 'allOf'];
    for (const key of same) expect(translated[key], key).toEqual(original[key]);
    if (name === 'form') {
      for (const [field, definition] of Object.entries<Record<string, unknown>>(original.properties)) {
        const other = translated.properties[field];
        expect(other.title, field).not.toBe(definition.title === 'PEC' ? '' : definition.title);
        expect({ ...other, title: 0, description: 0, oneOf: 0, 'x-link': 0 }, field).toEqual({ ...definition, title: 0, description: 0, oneOf: 0, 'x-link': 0, ...(definition.description ? {} : { description: 0 }) });
      }
    }
  });
});

describe('t', () => {
  beforeEach(() => setTexts('it', italian));
  it('fills places and falls back to what it was given', () => {
    expect(t('form.stepOf', { n: 2, of: 4 })).toBe('Passo 2 di 4');
    expect(tValue('state', 'registered')).toBe('Protocollata');
    expect(tValue('state', 'a_state_to_come')).toBe('a_state_to_come');
    expect(pageUrl('/privacy/')).toBe('/privacy/');
    setTexts('en', english);
    expect(pageUrl('/privacy/')).toBe('/en/privacy/');
  });
});
