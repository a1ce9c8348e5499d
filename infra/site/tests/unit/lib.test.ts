import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldOf, Problem, Unreachable } from '../../src/lib/api.ts';
import { baseHost } from '../../src/lib/chamber.ts';
import { formatDate, formatInstant, today } from '../../src/lib/dates.ts';
import { setTexts } from '../../src/lib/i18n.ts';
import { safeReturn } from '../../src/lib/navigation.ts';
import { present } from '../../src/lib/submission.ts';
import { faultOf, formatSize, mediaTypeOf, sha256 } from '../../src/lib/upload.ts';
import { displayLength } from '../../src/lib/text.ts';

describe('addresses', () => {
  it.each([
    ['/profilo/?servizio=reclami', '/profilo/?servizio=reclami'],
    ['/modulo/?id=1#fatti', '/modulo/?id=1#fatti'],
    [null, '/x/'], ['', '/x/'], ['//evil.example', '/x/'], ['/\\evil.example', '/x/'], ['https://evil.example/', '/x/'],
    ['javascript:alert(1)', '/x/'], ['/a\\b', '/x/'], ['/a\nb', '/x/'],
  ])('return to %j goes to %s', (value, expected) => {
    expect(safeReturn(value, '/x/')).toBe(expected);
  });

  it('finds the domain under a chamber', () => {
    expect(baseHost('milano.localhost:8080', ['milano'])).toBe('localhost:8080');
    expect(baseHost('localhost:8080', ['milano'])).toBe('localhost:8080');
    expect(baseHost('sportello.example.it', ['milano'])).toBe('sportello.example.it');
  });

  it('reads the field out of a pointer', () => {
    expect(fieldOf('#/answers/facts')).toBe('facts');
    expect(fieldOf('#/attachments/evidence')).toBe('evidence');
    expect(fieldOf('#/answers')).toBe('');
    expect(fieldOf('#/service')).toBe('');
  });
});

describe('dates', () => {
  beforeEach(() => setTexts('it', {}));
  it('are those of Rome, whatever the zone of the machine', () => {
    expect(today(new Date('2026-12-31T23:30:00Z'))).toBe('2027-01-01');
    expect(today(new Date('2026-06-30T21:59:59Z'))).toBe('2026-06-30');
    expect(formatDate('2026-10-05')).toBe('5 ottobre 2026');
    expect(formatInstant('2026-12-31T23:30:07.125Z')).toBe('1 gennaio 2027, 00:30:07,125');
  });
  it('speak English on the English pages', () => {
    setTexts('en', {});
    expect(formatDate('2026-10-05')).toBe('5 October 2026');
  });
});

describe('files', () => {
  const definition = { title: '', description: '', min: 0, max: 2, maxBytes: 100, mediaTypes: [], extensions: ['.pdf', '.p7m'] };
  it.each([
    [{ name: 'a.pdf', size: 100 }, 0, null],
    [{ name: 'A.PDF', size: 1 }, 1, null],
    [{ name: 'contratto.pdf.p7m', size: 1 }, 0, null],
    [{ name: 'a.exe', size: 1 }, 0, 'type'],
    [{ name: 'pdf', size: 1 }, 0, 'type'],
    [{ name: 'a.pdf', size: 0 }, 0, 'empty'],
    [{ name: 'a.pdf', size: 101 }, 0, 'tooBig'],
    [{ name: 'a.pdf', size: 1 }, 2, 'tooMany'],
  ])('%j beside %i others: %s', (file, already, fault) => {
    expect(faultOf(file, definition, already)).toBe(fault);
  });
  it('are typed by extension and digested as the server does', async () => {
    expect(mediaTypeOf('Foto.JPG')).toBe('image/jpeg');
    expect(await sha256(new Blob(['abc']))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
  it('have sizes for people', () => {
    expect(formatSize(10 * 1024 * 1024, 'it')).toBe('10 MB');
    expect(formatSize(1_500_000, 'it')).toBe('1,4 MB');
    expect(formatSize(10, 'it')).toBe('1 kB');
  });
  it('have names counted in characters', () => {
    expect(displayLength('è👍')).toBe(2);
  });
});

describe('presenting', () => {
  const data = new Map<string, string>();
  const store = { getItem: (key: string) => data.get(key) ?? null, setItem: (key: string, value: string) => void data.set(key, value), removeItem: (key: string) => void data.delete(key) };
  const keys: string[] = [];
  const answers: (() => Response | Promise<Response>)[] = [];
  const problem = (status: number) => () => new Response(JSON.stringify({ detail: 'no' }), { status });

  beforeEach(() => {
    data.clear();
    keys.length = 0;
    answers.length = 0;
    vi.stubGlobal('fetch', async (_: string, options: { headers: Record<string, string> }) => {
      keys.push(options.headers['idempotency-key']);
      expect(options.headers['x-requested-with']).toBe('sportello');
      return answers.shift()!();
    });
  });

  it('uses one key until the server has settled it', async () => {
    answers.push(() => Promise.reject(new TypeError('network')), problem(503), problem(401), () => new Response('{"state":"presented"}'));
    await expect(present('a', store)).rejects.toBeInstanceOf(Unreachable);
    await expect(present('a', store)).rejects.toBeInstanceOf(Problem);
    await expect(present('a', store)).rejects.toBeInstanceOf(Problem);
    await expect(present('a', store)).resolves.toEqual({ state: 'presented' });
    expect(new Set(keys).size).toBe(1);
    expect(data.size).toBe(0);
  });

  it('takes a new key after a refusal', async () => {
    answers.push(problem(422), () => new Response('{}'));
    await expect(present('a', store)).rejects.toMatchObject({ status: 422, detail: 'no' });
    await present('a', store);
    expect(new Set(keys).size).toBe(2);
  });
});
