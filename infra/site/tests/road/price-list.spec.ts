// The whole way of a price list through the real portal: signed at the signing desk, badly first, paid at the institute's page, numbered only
// when the money is there, deposited by the office.
import type { Page } from '@playwright/test';
import { inspect } from '../support.ts';
import { expect, test, type Portal } from './portal.ts';

const CHAMBER = 'milano';
const PERSON = 'Giulia Rinaldi';

const siteOf = ({ portal }: Portal) => `${portal.protocol}//${CHAMBER}.${portal.host}`;

test('a price list from the signature to the evidence', async ({ page, context, world }, info) => {
  const site = siteOf(world);
  const desk = await context.newPage();
  const sign = (name: string, style: string, fault: string) => signAt(desk, world, info.outputPath(name), style, fault);
  await page.goto(`${site}/servizi/listino-prezzi/`);
  await page.getByRole('link', { name: 'Deposita il listino' }).first().click();
  await page.getByRole('link', { name: 'Entra con SPID' }).click();
  await page.locator('label', { hasText: PERSON }).click();
  await page.getByRole('button', { name: 'Entra' }).click();
  await page.waitForURL(`${site}/profilo/**`);
  await page.locator('label', { hasText: /Officine Rinaldi/i }).first().click();
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await page.getByLabel('Settore dei prodotti').selectOption('meccanica-veicoli');
  await page.getByLabel('Nome del listino').fill('Listino lavorazioni 2027');
  await page.getByLabel('I prezzi valgono dal').fill('2027-01-01');
  await page.getByLabel('I prezzi valgono fino al').fill('2027-12-31');
  await page.getByText('Chiunque: la Camera').click();
  await page.getByRole('button', { name: 'Avanti' }).click();

  const report = page.locator('.sv-signature');
  const file = page.locator('#campo-list');
  await file.setInputFiles(await sign('cambiato.pdf', 'pades', 'changed-after'));
  await expect(report).toContainText('Firma non valida');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.locator('#errori')).toContainText('non è valida');
  await file.setInputFiles(await sign('listino.pdf.p7m', 'cades', 'none'));
  await expect(report).toContainText('Firma valida');
  await expect(report).toContainText(/Giulia Rinaldi/i);
  await inspect(page, 'signature report');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText("Alla PEC dell'impresa").click();
  await page.getByText('Ho letto').click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  const id = new URL(page.url()).searchParams.get('id')!;
  await page.getByRole('button', { name: 'Presenta e paga' }).click();
  await expect(page.getByRole('heading', { name: 'In attesa di pagamento' })).toBeVisible();
  await expect(page.locator('.sv-digits')).toHaveText(/^3\d{3}( \d{4}){3} \d{2}$/);
  await inspect(page, 'receipt, not paid');

  await pay(page, 'Rinuncia e torna indietro');
  await expect(page.getByText('Hai interrotto il pagamento')).toBeVisible();
  await page.goto(`${site}/area-personale/`);
  await expect(page.getByRole('region', { name: 'Aspettano te' })).toContainText(/Da pagare: 3,00\s€ entro il/);
  await page.goto(`${site}/pratica/?id=${id}`);
  await pay(page, /con carta/);
  await page.waitForURL(`${site}/pagamento/**`);
  await expect(page.getByText('Pagamento ricevuto')).toBeVisible({ timeout: 90_000 });
  await inspect(page, 'payment received');
  await page.getByRole('link', { name: 'Vai alla pratica' }).click();
  await expect(page.getByText(/\d{7}\/\d{4} del/)).toBeVisible({ timeout: 90_000 });

  await desk.goto(`${world.outside.origin}/gestionale/${CHAMBER}/${id}`);
  await desk.getByRole('button', { name: 'Prendi in carico' }).click();
  await expect(desk.getByText('Pratica presa in carico')).toBeVisible();
  await expect(desk.locator('dt', { hasText: 'In carico a' }).locator('+ dd')).toHaveText(/^[A-Z0-9]{16}$/);
  await desk.getByLabel('Esito').selectOption('deposited');
  await desk.getByLabel('Motivazione').fill('Le pagine sono numerate e la firma è valida.');
  await desk.getByRole('button', { name: 'Decidi' }).click();
  await expect(desk.getByText('Pratica decisa')).toBeVisible();
  await page.goto(`${site}/pratica/?id=${id}`);
  await expect(page.getByRole('heading', { name: 'Esito: Listino depositato' })).toBeVisible();
  await expect(page.getByRole('listitem').filter({ hasText: 'esito.pdf' })).toContainText('firma valida');
  await inspect(page, 'case, deposited');
  const evidence = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Scarica il fascicolo di prova' }).click();
  expect(await (await evidence).failure()).toBeNull();
});

/** Signs the desk's own example, with a fault or without; resolves to where the signed file lies. */
async function signAt(desk: Page, world: Portal, path: string, style: string, fault: string): Promise<string> {
  await desk.goto(`${world.outside.origin}/firma`);
  const plain = await (await desk.request.get(`${world.outside.origin}/firma/listino.pdf`)).body();
  await desk.getByLabel('Chi firma').selectOption({ label: PERSON });
  await desk.getByLabel('File da firmare').setInputFiles({ name: 'listino.pdf', mimeType: 'application/pdf', buffer: plain });
  await desk.getByLabel('Formato').selectOption(style);
  await desk.getByLabel('Difetto').selectOption(fault);
  const download = desk.waitForEvent('download');
  await desk.getByRole('button', { name: 'Firma e scarica' }).click();
  await (await download).saveAs(path);
  return path;
}

async function pay(page: Page, button: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: 'Paga ora' }).click();
  await page.waitForURL('**/istituto/paga/**');
  await page.getByRole('button', { name: button }).click();
}
