// What every page test stands on: a stand-in portal for each worker, and a guard on the page. A test fails if the
// console shows an error (a breach of the security policy does) or if any other host is asked for anything.
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { finishContrast } from './contrast.ts';
import { startStandIn } from './stand-in.mjs';

interface StandIn {
  port: number;
  bucket: string;
  stop(): void;
}

interface Fixtures {
  chamber: string;
  /** Console errors that the test brings about itself. */
  expected: RegExp | null;
  home: string;
}

export const test = base.extend<Fixtures, { standIn: StandIn }>({
  standIn: [
    async ({}, use) => {
      const standIn = await startStandIn();
      await use(standIn);
      standIn.stop();
    },
    { scope: 'worker' },
  ],
  chamber: ['milano', { option: true }],
  expected: [null, { option: true }],
  home: async ({ standIn, chamber }, use) => {
    await use(`http://${chamber ? `${chamber}.` : ''}localhost:${standIn.port}`);
  },
  baseURL: async ({ home }, use) => {
    await use(home);
  },
  page: async ({ page, standIn, expected }, use) => {
    const errors: string[] = [];
    const strangers: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !expected?.test(message.text())) errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => {
      const url = new URL(request.url());
      const known = url.protocol === 'data:' || url.protocol === 'blob:' || url.port === String(standIn.port) || url.origin === standIn.bucket;
      if (!known) strangers.push(request.url());
    });
    await use(page);
    expect(errors, 'the console is clean').toEqual([]);
    expect(strangers, 'no other host').toEqual([]);
  },
});

export { expect };

/**
 * The state of the page as it stands: no axe violation, contrast finished where axe gives up, styled at all (axe finds
 * nothing wrong with a page whose style sheet failed), and nothing to scroll sideways at 320 pixels.
 */
export async function inspect(page: Page, label: string): Promise<void> {
  await page.waitForLoadState('load');
  await page.locator('#pie').waitFor(); // a page just arrived at may still be half there
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  // Legacy mode: without frames it finds the same, and opens no second page for each look (a third of the time).
  const results = await new AxeBuilder({ page }).options({ resultTypes: ['violations', 'incomplete'] }).withTags(tags).setLegacyMode().analyze();
  const violations = results.violations.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`);
  expect.soft(violations, `${label}: axe`).toEqual([]);
  expect.soft(await finishContrast(page, results.incomplete), `${label}: contrast`).toEqual([]);
  const family = await page.evaluate(() => getComputedStyle(document.body).fontFamily);
  expect.soft(family, `${label}: styled`).toContain('Titillium');
  await reflows(page, label);
}

export async function reflows(page: Page, label: string): Promise<void> {
  const before = page.viewportSize();
  await page.setViewportSize({ width: 320, height: 640 });
  const [width, culprits] = await page.evaluate(() => {
    const wide = [...document.querySelectorAll('body *')].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.right > 321 && box.width > 0 && !element.closest('.visually-hidden, .sv-skip');
    });
    return [document.documentElement.scrollWidth, wide.slice(0, 3).map((element) => element.outerHTML.slice(0, 100))] as const;
  });
  expect.soft(width, `${label}: at 320 pixels ${culprits.join(' | ')}`).toBeLessThanOrEqual(320);
  if (before) await page.setViewportSize(before);
}

/** Walks the page with Tab: wherever the focus comes to rest, it is drawn with a full line. axe does not look. */
export async function focusShown(page: Page, label: string): Promise<void> {
  const hidden = await page.evaluate(() => {
    const stops = [...document.querySelectorAll<HTMLElement>('a[href], button, input, select, textarea, summary')];
    return stops.filter((stop) => stop.checkVisibility({ visibilityProperty: true }) && !(stop as HTMLButtonElement).disabled).flatMap((stop) => {
      stop.focus({ preventScroll: true });
      // Focus set by a program is "visible" only after the keyboard was used; the caller has pressed Tab once.
      const drawn = stop.matches('.visually-hidden') ? document.querySelector(`label[for="${stop.id}"]`) ?? stop : stop;
      const { outlineStyle, outlineWidth } = getComputedStyle(drawn);
      return outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2 ? [] : [stop.outerHTML.slice(0, 100)];
    });
  });
  expect.soft(hidden, `${label}: focus that nobody sees`).toEqual([]);
}

export async function office(page: Page, verb: string, data: Record<string, unknown> = {}): Promise<void> {
  await page.evaluate(([name, body]) => fetch(`/__office/${name}`, { method: 'POST', body: JSON.stringify(body) }).then((answer) => answer.text()), [verb, data] as const);
}

export async function signIn(page: Page, returnTo = '/area-personale/'): Promise<void> {
  await page.goto(`/accesso/?return=${encodeURIComponent(returnTo)}`);
  await page.getByRole('link', { name: 'Entra con SPID' }).click();
  await page.waitForURL((url) => url.pathname === new URL(returnTo, 'http://x').pathname);
}

/** A new draft for the person herself; resolves to its id, with the form on the screen. */
export async function newDraft(page: Page): Promise<string> {
  await signIn(page, '/profilo/?servizio=reclami');
  await page.locator('label', { hasText: 'Anna Bianchi' }).click();
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await page.getByRole('heading', { name: 'I fatti' }).waitFor();
  return new URL(page.url()).searchParams.get('id')!;
}

export const FACTS = 'Ho presentato una pratica di variazione e dopo due mesi non ho avuto risposta.';

export async function fillFacts(page: Page): Promise<void> {
  await page.getByLabel('Servizio a cui si riferisce').selectOption('registro-imprese');
  await page.getByLabel('Quando è successo').fill('2026-10-05');
  await page.getByLabel('Che cosa è successo').fill(FACTS);
}

export async function fillAll(page: Page): Promise<void> {
  await fillFacts(page);
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByLabel('Che cosa chiedi').fill('Chiedo di sapere lo stato della pratica.');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText('Al domicilio digitale').click();
  await page.getByText('Ho letto l’informativa').or(page.getByText("Ho letto l'informativa")).click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByRole('heading', { name: 'Riepilogo' }).waitFor();
}

export async function presented(page: Page): Promise<string> {
  const id = await newDraft(page);
  await fillAll(page);
  await page.getByRole('button', { name: 'Presenta la pratica' }).click();
  await page.getByText('La pratica è stata presentata').waitFor();
  return id;
}

/** A new draft of a price list for the company, at the place of the signed file. */
export async function newList(page: Page): Promise<string> {
  await signIn(page, '/profilo/?servizio=listino-prezzi');
  await page.locator('label', { hasText: 'Officine Bianchi' }).click();
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await page.getByLabel('Settore dei prodotti').selectOption('arredo-serramenti');
  await page.getByLabel('Nome del listino').fill('Listino serramenti in legno 2027');
  await page.getByLabel('I prezzi valgono dal').fill('2027-01-01');
  await page.getByText('Chiunque: la Camera').click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByRole('heading', { name: 'Il file firmato' }).waitFor();
  return new URL(page.url()).searchParams.get('id')!;
}

export const chooseList = (page: Page, name: string) => page.locator('#campo-list').setInputFiles([{ ...pdf(name), mimeType: '' }]);

export async function listSummary(page: Page): Promise<string> {
  const id = await newList(page);
  await chooseList(page, 'listino.pdf');
  await page.getByText('Firma valida', { exact: true }).first().waitFor();
  await toSummary(page);
  return id;
}

/** From the signed file to the summary. */
export async function toSummary(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText("Alla PEC dell'impresa").click();
  await page.getByText("Ho letto l'informativa").click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByRole('heading', { name: 'Riepilogo' }).waitFor();
}

/** Presented and not paid: the receipt is on the screen. */
export async function unpaidList(page: Page): Promise<string> {
  const id = await listSummary(page);
  await page.getByRole('button', { name: 'Presenta e paga' }).click();
  await page.getByRole('heading', { name: 'In attesa di pagamento' }).waitFor();
  return id;
}

export const saved = (page: Page) => page.locator('[data-state="saved"]');

/** A PDF that can be opened, of at least so many bytes: the real portal looks into it. */
export function pdf(name: string, size = 2_000): { name: string; mimeType: string; buffer: Buffer } {
  const objects = ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [3 0 R] /Count 1 >>', '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << >> /Contents 4 0 R >>', `<< /Length ${size} >>\nstream\n${' '.repeat(size)}\nendstream`];
  let text = '%PDF-1.7\n';
  const offsets = objects.map((object, at) => {
    const offset = text.length;
    text += `${at + 1} 0 obj\n${object}\nendobj\n`;
    return `${String(offset).padStart(10, '0')} 00000 n \n`;
  });
  const table = text.length;
  text += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${offsets.join('')}trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${table}\n%%EOF\n`;
  return { name, mimeType: 'application/pdf', buffer: Buffer.from(text, 'latin1') };
}
