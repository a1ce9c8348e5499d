import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fieldOf, Problem, Unreachable } from '../../src/lib/api.ts';
import { baseHost } from '../../src/lib/chamber.ts';
import { formatDate, formatInstant, today } from '../../src/lib/dates.ts';
import { setTexts } from '../../src/lib/i18n.ts';
import { mostPressing } from '../../src/lib/cases.ts';
import { formatEuro, groupNotice, leftInEnglish, paymentPage } from '../../src/lib/payment.ts';
import type { ApplicationRow } from '../../src/lib/types.ts';
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

describe('payments', () => {
  it('writes sums and notice numbers as people read them', () => {
    setTexts('it', {});
    expect(formatEuro(300)).toMatch(/^3,00\s€$/);
    expect(formatEuro(123456)).toMatch(/^1\.?234,56\s€$/);
    setTexts('en', {});
    expect(formatEuro(300)).toBe('€3.00');
    setTexts('it', {});
    expect(groupNotice('301234567890123456')).toBe('3012 3456 7890 1234 56');
    expect(groupNotice('3012')).toBe('3012');
  });

  it.each([
    ['https://paga.example.it/c/1?x=2', 'https://paga.example.it/c/1?x=2'],
    ['http://localhost:8090/istituto/paga/1', 'http://localhost:8090/istituto/paga/1'],
    ['http://127.0.0.1:8090/istituto/paga/1', 'http://127.0.0.1:8090/istituto/paga/1'],
    ['http://paga.example.it/', null], ['http://127.evil.example/', null], ['http://localhost.evil.example/', null], ['javascript:alert(1)', null],
    ['data:text/html,x', null], ['/istituto/paga/1', null], ['//paga.example.it', null], ['https://user:pass@paga.example.it/', null], ['', null], [undefined, null],
  ])('sends a browser to %j: %j', (address, expected) => {
    expect(paymentPage(address)).toBe(expected);
  });

  it('remembers once in which language one left', () => {
    const data = new Map([['pagamento:lingua', 'en']]);
    const store = { getItem: (key: string) => data.get(key) ?? null, removeItem: (key: string) => void data.delete(key) };
    expect([leftInEnglish(store), leftInEnglish(store)]).toEqual([true, false]);
  });

  it('puts first what must be paid first', () => {
    const row = (id: string, state: string, updatedAt: string, due?: string) => ({ id, state, updatedAt, toPay: due && { amount: 300, due } }) as ApplicationRow;
    const rows = [row('reply', 'awaiting_integration', '9'), row('later', 'awaiting_payment', '8', '2026-12-09'), row('sooner', 'awaiting_payment', '1', '2026-12-01'), row('old', 'awaiting_integration', '2')];
    expect(rows.sort(mostPressing).map(({ id }) => id)).toEqual(['sooner', 'later', 'reply', 'old']);
  });
});
