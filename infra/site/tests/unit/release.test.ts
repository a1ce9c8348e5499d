import { expect, it } from 'vitest';
import { readChambers, placeholders } from '../../scripts/catalogue.mjs';
import { hindrances } from '../../scripts/release.mjs';

const base = 'https://sportello.example.it';

it('a specimen may be built on one’s own machine, and on a test stage with its address', () => {
  expect(hindrances({ examples: ['milano: /logo'] })).toEqual([]);
  expect(hindrances({ stage: 'test', base, examples: ['milano: /logo'] })).toEqual([]);
});

it('a stage needs the address its links lead to', () => {
  expect(hindrances({ stage: 'test', examples: [] }).join()).toContain('PORTAL_BASE');
  expect(hindrances({ stage: 'test', base: 'http://localhost:8080', examples: [] }).join()).toContain('https');
});

it('production takes no example data and names each', () => {
  expect(hindrances({ stage: 'production', base, examples: ['milano: /logo'] }).join('\n')).toContain('milano: /logo');
  expect(hindrances({ stage: 'production', base, examples: [] })).toEqual([]);
});

it('the catalogue’s examples are found by their pointers', () => {
  const [first] = readChambers();
  expect(placeholders([{ ...first, placeholders: ['/pec', '/logo'] }])).toEqual([`${first.id}: /pec`, `${first.id}: /logo`]);
  expect(placeholders([{ ...first, placeholders: [] }])).toEqual([]);
});
