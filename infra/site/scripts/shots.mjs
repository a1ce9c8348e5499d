// npm run shots: a picture of every page and of its main states at 1280 and 320 pixels, in tests/shots, to be looked
// at by a person. Tools do not see labels that overlap.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import { browserArgs, browserPath } from '../tests/browser.mjs';
import { startStandIn } from '../tests/stand-in.mjs';

const site = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const folder = path.join(site, 'tests/shots');
const chamber = process.env.CHAMBER ?? 'milano';
fs.mkdirSync(folder, { recursive: true });

const standIn = await startStandIn();
const base = `http://${chamber}.localhost:${standIn.port}`;
const browser = await chromium.launch({ executablePath: await browserPath(), args: browserArgs });
for (const width of [1280, 320]) await tour(width);
await browser.close();
standIn.stop();

async function tour(width) {
  const page = await browser.newPage({ viewport: { width, height: 800 }, locale: 'it-IT' });
  page.on('console', (message) => message.type() === 'error' && console.log(`${width}: ${message.text()}`));
  page.on('dialog', (dialog) => void dialog.accept());
  let number = 0;
  const shot = async (name) => {
    number += 1;
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: path.join(folder, `${width}-${String(number).padStart(2, '0')}-${name}.png`), fullPage: true });
  };
  const office = (verb, data) => page.evaluate(([v, d]) => fetch(`/__office/${v}`, { method: 'POST', body: JSON.stringify(d) }).then(() => undefined), [verb, data]);

  await page.goto(`http://localhost:${standIn.port}/`);
  await shot('scelta');
  for (const [address, name] of [['/', 'home'], ['/servizi/reclami/', 'scheda'], ['/accesso/', 'accesso'], ['/privacy/', 'privacy'], ['/accessibilita/', 'accessibilita'], ['/inesistente/', '404'], ['/en/servizi/reclami/', 'scheda-en']]) {
    await page.goto(base + address);
    await shot(name);
  }
  await page.goto(`${base}/`);
  await page.getByLabel('Cerca un servizio').fill('zzzz');
  await shot('home-niente');

  await page.goto(`${base}/servizi/reclami/`);
  await page.getByRole('link', { name: 'Presenta il reclamo' }).first().click();
  await page.getByRole('link', { name: 'Entra con SPID' }).click();
  await page.getByText('Officine Bianchi').click();
  await shot('profilo');
  await page.getByRole('button', { name: 'Inizia' }).click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await shot('modulo-errori');
  await page.getByLabel('Servizio a cui').selectOption('altro');
  await page.getByLabel('Quale servizio').fill('Sportello di Lodi');
  await page.getByLabel('Quando').fill('2026-10-05');
  await page.getByLabel('Che cosa è successo').fill('Ho presentato una pratica di variazione e dopo due mesi non ho avuto nessuna risposta.');
  await page.getByText('Bozza salvata').waitFor();
  await shot('modulo-1');
  const id = new URL(page.url()).searchParams.get('id');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByLabel('Che cosa chiedi').fill('Chiedo di sapere lo stato della pratica.');
  await page.getByLabel('Documenti e fotografie').setInputFiles([{ name: 'ricevuta dello sportello.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(340_000, 'a') }, { name: 'virus.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('x') }]);
  await page.getByText('340 kB').or(page.getByText('332 kB')).waitFor();
  await shot('modulo-2');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText('Al domicilio digitale').click();
  await shot('modulo-3');
  await page.getByText('Ho letto').click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText('Bozza salvata').waitFor();
  await shot('riepilogo');
  await office('elsewhere', { application: id, answers: { facts: 'Un testo scritto da un altro dispositivo, diverso da questo.' } });
  await page.goto(`${base}/modulo/?id=${id}#richiesta`);
  await page.getByLabel('Che cosa chiedi').fill('Chiedo di sapere lo stato della pratica e le scuse.');
  await office('elsewhere', { application: id, answers: { request: 'Un altro testo della richiesta.' } });
  await page.locator('#avviso-bozza').waitFor();
  await shot('conflitto');
  await page.getByRole('button', { name: 'Tieni' }).click();
  await page.getByText('Bozza salvata').waitFor();
  await page.goto(`${base}/area-personale/`);
  await shot('area');
  await page.goto(`${base}/modulo/?id=${id}`);
  await page.getByRole('button', { name: 'Presenta la pratica' }).click();
  await page.getByText('La pratica è stata presentata').waitFor();
  await shot('ricevuta');
  await page.emulateMedia({ media: 'print' });
  await shot('ricevuta-stampa');
  await page.emulateMedia({ media: 'screen' });
  await office('register', { application: id });
  await office('charge', { application: id });
  await office('integration', { application: id });
  await page.goto(`${base}/pratica/?id=${id}`);
  await shot('pratica-integrazione');
  await page.getByLabel('La tua risposta').fill('Ecco la ricevuta.');
  await page.getByRole('button', { name: 'Invia la risposta' }).click();
  await page.getByText('Integrazione inviata').waitFor();
  await office('decide', { application: id });
  await page.goto(`${base}/pratica/?id=${id}`);
  await shot('pratica-esito');
  await page.goto(`${base}/area-personale/`);
  await shot('area-piena');
  await page.goto(`${base}/valuta/?t=s-${id}`);
  await page.locator('label[for="stella-4"]').click();
  await shot('valuta');
  await priceList(page, shot, office);
  await page.close();
}

/** A service that is signed and paid for. */
async function priceList(page, shot, office) {
  const choose = (name) => page.locator('#campo-list').setInputFiles([{ name, mimeType: 'application/pdf', buffer: Buffer.alloc(340_000, 'a') }]);
  const drop = async () => {
    await page.getByRole('button', { name: 'Rimuovi' }).click();
    await page.locator('.sv-signature').waitFor({ state: 'detached' });
  };
  await page.goto(`${base}/servizi/listino-prezzi/`);
  await shot('listino-scheda');
  await page.goto(`${base}/profilo/?servizio=listino-prezzi`);
  await page.getByText('Officine Bianchi').click();
  await shot('listino-profilo');
  await page.getByRole('button', { name: 'Inizia' }).click();
  await page.getByLabel('Settore').selectOption('arredo-serramenti');
  await page.getByLabel('Nome del listino').fill('Listino serramenti in legno 2027');
  await page.getByLabel('valgono dal').fill('2027-01-01');
  await page.getByText('Chiunque').click();
  await shot('listino-modulo');
  const id = new URL(page.url()).searchParams.get('id');
  await page.getByRole('button', { name: 'Avanti' }).click();
  for (const [name, verdict] of [['listino scaduto.pdf', 'Firma non valida'], ['listino-muto.pdf.p7m', 'Firma non verificabile ora']]) {
    await choose(name);
    await page.getByText(verdict, { exact: true }).first().waitFor();
    await shot(`listino-${verdict.replaceAll(' ', '-').toLowerCase()}`);
    await drop();
  }
  await choose('listino serramenti 2027.pdf');
  await page.getByText('Firma valida', { exact: true }).first().waitFor();
  await shot('listino-firma-valida');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText("Alla PEC dell'impresa").click();
  await page.getByText('Ho letto').click();
  await page.getByRole('button', { name: 'Avanti' }).click();
  await page.getByText('Bozza salvata').waitFor();
  await shot('listino-riepilogo');
  await page.getByRole('button', { name: 'Presenta e paga' }).click();
  await page.getByRole('heading', { name: 'In attesa di pagamento' }).waitFor();
  await shot('listino-ricevuta');
  for (const outcome of ['ok', 'annullato', 'errore']) {
    await page.goto(`${base}/pagamento/?id=${id}&esito=${outcome}`);
    await page.locator('.sv-digits').waitFor();
    await shot(`pagamento-${outcome}`);
  }
  await page.goto(`${base}/area-personale/`);
  await shot('listino-area');
  await page.goto(`${base}/pratica/?id=${id}`);
  await page.getByRole('button', { name: 'Paga ora' }).waitFor();
  await shot('listino-pratica-da-pagare');
  await office('pay', { application: id });
  await page.goto(`${base}/pagamento/?id=${id}&esito=ok`);
  await page.getByText('Pagamento ricevuto').waitFor();
  await shot('pagamento-ricevuto');
  await office('register', { application: id });
  await office('evidence', { application: id });
  await page.goto(`${base}/pratica/?id=${id}`);
  await page.getByText('Mostra tutte').click();
  await shot('listino-pratica');
}
