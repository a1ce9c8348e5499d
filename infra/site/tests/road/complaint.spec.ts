// The whole way of a complaint through the real portal and the outside world's pages, as people walk it: the citizen
// on the site, the officer on the chamber's own case system, the mail in the company's certified mailbox.
import type { Page } from '@playwright/test';
import { inspect, pdf } from '../support.ts';
import { expect, test, type Portal } from './portal.ts';

const CHAMBER = 'milano';
const PERSON = 'Giulia Rinaldi';
const COMPANY = /Officine Rinaldi/i;
const MAILBOX = 'officine.rinaldi@pec.example.it';

const siteOf = ({ portal }: Portal) => `${portal.protocol}//${CHAMBER}.${portal.host}`;

test('a complaint from the need to the rating', async ({ page, context, world }) => {
  const site = siteOf(world);
  await chooseService(page, world);
  await signIn(page, world);
  await page.locator('label', { hasText: COMPANY }).first().click();
  await inspect(page, 'profile');
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await fillIn(page);
  const id = new URL(page.url()).searchParams.get('id')!;
  await page.getByRole('button', { name: 'Presenta la pratica' }).click();
  await expect(page.getByText('La pratica è stata presentata')).toBeVisible();
  const receipt = page.locator('.sv-receipt');
  await expect(receipt).toContainText('Titolare del potere sostitutivo');
  await expect(receipt).toContainText(/\d{7}\/\d{4}/, { timeout: 90_000 });
  await expect(page.getByRole('link', { name: 'Ricevuta in PDF' })).toBeVisible({ timeout: 90_000 });
  await downloads(page, 'Ricevuta in PDF');
  await inspect(page, 'receipt');

  const desk = await context.newPage();
  const deskUrl = `${world.outside.origin}/gestionale/${CHAMBER}/${id}`;
  await takeCharge(desk, deskUrl);
  await askForMore(desk, deskUrl);
  await answer(page, `${site}/pratica/?id=${id}`);
  const mailbox = `${world.outside.origin}/caselle/${MAILBOX}`;
  const before = await mails(desk, mailbox);
  await decide(desk, deskUrl);

  await reloadUntil(page, `${site}/pratica/?id=${id}`, () => page.getByRole('heading', { name: /^Esito: Reclamo fondato/ }).isVisible());
  await inspect(page, 'outcome');
  await downloads(page, /^Scarica /);
  await rate(page, await ratingLink(desk, mailbox, before));
  await page.goto(`${site}/area-personale/`);
  await expect(page.getByRole('link', { name: /Reclami e segnalazioni, protocollo \d{7}/ }).first()).toBeVisible();
  await page.getByRole('button', { name: 'Esci' }).click();
  await page.waitForURL(`${site}/`);
});

async function chooseService(page: Page, world: Portal): Promise<void> {
  await page.goto(world.portal.href);
  await page.getByRole('link', { name: 'Milano Monza Brianza Lodi' }).click();
  await page.waitForURL(`${siteOf(world)}/`);
  await page.getByLabel('Cerca un servizio').fill('nessuno mi risponde');
  await page.getByRole('link', { name: 'Reclami e segnalazioni' }).click();
  await inspect(page, 'service');
  await page.getByRole('link', { name: 'Presenta il reclamo' }).first().click();
}

async function signIn(page: Page, world: Portal): Promise<void> {
  await page.getByRole('link', { name: 'Entra con SPID' }).click();
  await page.waitForURL(`${world.outside.origin}/spid/**`);
  await page.locator('label', { hasText: PERSON }).click();
  await page.getByRole('button', { name: 'Entra' }).click();
  await page.waitForURL(`${siteOf(world)}/profilo/**`);
}

async function fillIn(page: Page): Promise<void> {
  await page.getByLabel('Servizio a cui si riferisce').selectOption('registro-imprese');
  await page.getByLabel('Quando è successo').fill('2026-01-15');
  await page.getByLabel('Che cosa è successo').fill('Da due mesi aspetto una risposta alla pratica di variazione: allo sportello nessuno sa dire nulla.');
  await expect(page.locator('[data-state="saved"]')).toBeVisible();
  await page.reload(); // the draft is on the server
  await page.getByRole('heading', { name: 'I fatti' }).or(page.getByRole('heading', { name: 'La richiesta e le prove' })).waitFor();
  if (await page.getByRole('heading', { name: 'I fatti' }).isVisible()) await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByLabel('Che cosa chiedi').fill('Chiedo lo stato della pratica e una risposta scritta.');
  await page.locator('#campo-evidence').setInputFiles([pdf('ricevuta-sportello.pdf'), pdf('sollecito.pdf', 200_000)]);
  await expect(page.getByRole('button', { name: 'Rimuovi ricevuta-sportello.pdf' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Rimuovi sollecito.pdf' })).toBeVisible();
  await inspect(page, 'attachments');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.locator('label', { hasText: 'Al domicilio digitale' }).click();
  await page.locator('label', { hasText: 'Ho letto' }).click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByRole('heading', { name: 'Riepilogo' }).waitFor();
  await inspect(page, 'summary');
}

async function takeCharge(desk: Page, url: string): Promise<void> {
  await desk.goto(url);
  await desk.getByRole('button', { name: 'Prendi in carico' }).click();
  await expect(desk.getByText('Pratica presa in carico')).toBeVisible();
}

async function askForMore(desk: Page, url: string): Promise<void> {
  await desk.goto(url);
  await desk.getByLabel('Che cosa manca').fill('Serve una copia della ricevuta consegnata allo sportello.');
  await desk.getByRole('button', { name: 'Chiedi' }).click();
  await expect(desk.getByText('Integrazione richiesta')).toBeVisible();
}

async function answer(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await expect(page.getByRole('heading', { name: "L'ufficio ti chiede un'integrazione" })).toBeVisible();
  await inspect(page, 'integration asked');
  await page.getByLabel('La tua risposta').fill('Ecco la ricevuta richiesta.');
  await page.locator('#campo-integration').setInputFiles([pdf('copia-ricevuta.pdf')]);
  await expect(page.getByRole('button', { name: 'Rimuovi copia-ricevuta.pdf' })).toBeVisible();
  await page.getByRole('button', { name: 'Invia la risposta' }).click();
  await expect(page.getByRole('heading', { name: "L'ufficio ti chiede un'integrazione" })).toBeHidden();
  await page.getByLabel('Scrivi un messaggio').fill('Grazie, resto a disposizione.');
  await page.getByRole('button', { name: 'Invia il messaggio' }).click();
  await expect(page.locator('.sv-message-mine')).toContainText('resto a disposizione');
}

async function decide(desk: Page, url: string): Promise<void> {
  await desk.goto(url);
  await desk.getByLabel('Esito').selectOption('founded');
  await desk.getByLabel('Motivazione').fill('Il reclamo è fondato: la pratica è stata lavorata in ritardo.');
  await desk.getByRole('button', { name: 'Decidi' }).click();
  await expect(desk.getByText('Pratica decisa')).toBeVisible();
}

async function mails(desk: Page, mailbox: string): Promise<string[]> {
  await desk.goto(mailbox);
  return desk.locator('tbody a').evaluateAll((links) => links.map((link) => (link as HTMLAnchorElement).href));
}

/** The token travels only in the outcome's certified message, the one that was not there before the decision. */
async function ratingLink(desk: Page, mailbox: string, before: string[]): Promise<string> {
  const link = /https?:\/\/\S+\/valuta\/\?t=[\w.~-]+/;
  let found = '';
  await expect(async () => {
    for (const mail of (await mails(desk, mailbox)).filter((each) => !before.includes(each))) {
      await desk.goto(mail);
      found = link.exec(await desk.locator('main').innerText())?.[0] ?? '';
      if (found) return;
    }
    throw new Error('the outcome has not arrived yet');
  }).toPass({ timeout: 120_000, intervals: [2_000] });
  return found;
}

async function rate(page: Page, link: string): Promise<void> {
  await page.goto(link);
  await page.locator('[data-element="feedback-rate-5"]').click();
  await page.getByText('Le indicazioni erano chiare').click();
  await inspect(page, 'rating');
  await page.getByRole('button', { name: 'Invia la valutazione' }).click();
  await expect(page.locator('[data-element="feedback-thanks"]')).toBeVisible();
  await page.reload();
  await expect(page.getByText('già stato valutato')).toBeVisible();
}

async function reloadUntil(page: Page, url: string, ready: () => Promise<boolean>): Promise<void> {
  await expect(async () => {
    await page.goto(url);
    await page.locator('.sv-case-head').waitFor();
    expect(await ready()).toBe(true);
  }).toPass({ timeout: 90_000, intervals: [2_000] });
}

async function downloads(page: Page, name: string | RegExp): Promise<void> {
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name }).first().click();
  expect(await (await download).failure()).toBeNull();
}
