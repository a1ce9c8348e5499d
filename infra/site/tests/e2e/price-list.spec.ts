// A service that is signed and paid for: what it costs is said first, what was found of the signature is told, and nothing is
// "paid" before the API says so.
import type { Page } from '@playwright/test';
import { chooseList, expect, focusShown, inspect, listSummary, newList, office, signIn, test, toSummary, unpaidList } from '../support.ts';

test('what it costs and for whom it is, before anything is asked', async ({ page }) => {
  await page.goto('/servizi/listino-prezzi/');
  await expect(page.locator('.sv-cost')).toContainText(/3,00\s€/);
  await expect(page.locator('main').getByRole('link', { name: 'ufficio.listini@milano.pec.example.it' })).toBeVisible();
  await inspect(page, 'sheet of a paid service');
  await page.getByRole('link', { name: 'Deposita il listino' }).first().click();
  await page.getByRole('link', { name: 'Entra con SPID' }).click();
  await expect(page.locator('label', { hasText: 'Officine Bianchi' })).toBeVisible();
  await expect(page.locator('label', { hasText: 'Anna Bianchi' })).toHaveCount(0); // a person has no price list
  await expect(page.locator('.sv-cost')).toContainText(/3,00\s€/);
  await inspect(page, 'profile of a service for companies');
  await office(page, 'alone');
  await page.reload();
  await expect(page.getByText('non rappresenti nessuna impresa')).toBeVisible();
  await inspect(page, 'nobody to act for');
});

test('a period that ends before it begins is told beside the field', async ({ page }) => {
  await signIn(page, '/profilo/?servizio=listino-prezzi');
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await page.getByLabel('I prezzi valgono dal').fill('2027-01-01');
  await page.getByLabel('I prezzi valgono fino al').fill('2026-12-31');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.getByLabel('I prezzi valgono fino al')).toHaveAccessibleDescription(/deve venire dopo quella di «I prezzi valgono dal»/);
});

test('the signature: while it is checked, valid, not valid, and not to be known now', async ({ page }) => {
  await newList(page);
  await expect(page.getByText('Chi deve firmare: Anna Bianchi (BNCNNA80A41F205X), o un altro legale rappresentante di Officine Bianchi')).toBeVisible();
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  await page.route('**/completion', async (route) => {
    await held;
    await route.continue();
  });
  await chooseList(page, 'listino scaduto.pdf');
  await expect(page.getByRole('progressbar', { name: 'Verifica della firma in corso' })).toBeVisible();
  await inspect(page, 'signature being checked');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.getByText('Aspetta che i file siano caricati')).toBeVisible();
  go();

  const report = page.locator('.sv-signature');
  const said = page.locator('.sv-files [role=status]');
  await expect(report).toContainText('Firma non valida');
  await expect(report).toContainText('il certificato è scaduto il 3 marzo 2026');
  await expect(report).toContainText('carica il nuovo file');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.locator('#errori')).toContainText('La firma di «listino scaduto.pdf» non è valida');
  await inspect(page, 'signature not valid');
  await page.getByRole('button', { name: 'Rimuovi listino scaduto.pdf' }).click();
  await expect(page.locator('#campo-list')).toBeFocused();

  await chooseList(page, 'listino-non-firmato.pdf');
  await expect(report).toContainText('Il file non contiene alcuna firma.');

  await expect(page.getByText('Scegli un altro file')).toBeVisible();
  await chooseList(page, 'listino-muto.pdf.p7m'); // takes the other's place
  await expect(page.getByRole('button', { name: 'Rimuovi listino-non-firmato.pdf' })).toHaveCount(0);
  await expect(report).toContainText('Firma non verificabile ora');
  await expect(said).toHaveText('listino-muto.pdf.p7m caricato. Firma non verificabile ora'); // the last news, not that the other went
  await expect(report).toContainText('oppure andare avanti');
  await inspect(page, 'signature that nobody can verify now');
  await page.getByRole('button', { name: 'Avanti' }).click(); // it may be presented: the server looks again, and decides
  await expect(page.getByRole('heading', { name: 'Recapiti' })).toBeFocused();
  await page.getByRole('button', { name: 'Indietro' }).click();
  await page.getByRole('button', { name: 'Verifica di nuovo la firma' }).click();
  await expect(report).toContainText('Firma valida');
  await expect(report).toContainText('Anna Bianchi, BNCNNA80A41F205X');
  await expect(report).toContainText('Certificato rilasciato da Autorità di prova');
  await expect(report).toContainText('come prova la marca temporale');
  await expect(report).not.toContainText('non tua');
  await page.keyboard.press('Tab');
  await focusShown(page, 'signature valid');
  await inspect(page, 'signature valid');
  await page.reload(); // the report is the server's, not the page's
  await expect(report).toContainText('Firma valida');
});

test.describe('a file that the server refuses', () => {
  test.use({ expected: /422/ });

  test('another takes its place; who signed it counts when it is presented, and the reason stands beside the field', async ({ page }) => {
    await newList(page);
    await page.route('**/completion', (route) => route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify({ detail: 'Il PDF contiene istruzioni JavaScript.' }) }), { times: 1 });
    await chooseList(page, 'attivo.pdf');
    await expect(page.locator('.sv-file-bad')).toContainText('istruzioni JavaScript');
    await expect(page.locator('.sv-files [role=status]')).toHaveText('attivo.pdf: Il PDF contiene istruzioni JavaScript.');
    await inspect(page, 'file refused');
    await chooseList(page, 'listino di altri.pdf');
    await expect(page.locator('.sv-signature')).toContainText('La firma è di Sofia Conti, non tua');
    await expect(page.getByText('istruzioni JavaScript')).toHaveCount(0);
    await toSummary(page);
    await page.getByRole('button', { name: 'Presenta e paga' }).click();
    await page.locator('#errori').getByRole('link', { name: /firmato da Sofia Conti/ }).click();
    await expect(page.locator('#campo-list')).toBeFocused();
    await expect(page.locator('#campo-list')).toHaveAccessibleDescription(/firmato da Sofia Conti, che non rappresenta/);
    await inspect(page, 'signed by somebody else');
  });
});

test('the keyboard alone: from the summary through the payment to the number', async ({ page }) => {
  const id = await listSummary(page);
  await expect(page.locator('.sv-summary')).toContainText('Firma valida');
  await expect(page.locator('.sv-summary .sv-cost')).toContainText(/3,00\s€/);
  await inspect(page, 'summary of a paid service');
  await page.getByRole('button', { name: 'Presenta e paga' }).focus();
  await page.keyboard.press('Enter');

  await expect(page).toHaveURL(/\/ricevuta\//);
  await expect(page.getByRole('heading', { name: 'In attesa di pagamento' })).toBeVisible();
  await expect(page.locator('.sv-digits')).toHaveText('3012 3456 7890 1234 56');
  await expect(page.getByText('Puoi pagare anche dopo o altrove')).toBeVisible();
  await expect(page.locator('.sv-receipt')).toContainText('Il numero arriva quando il pagamento è confermato');
  await expect(page.locator('.sv-receipt')).toContainText('Ufficio prezzi e tutela del mercato');
  await inspect(page, 'receipt, not paid');
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.getByRole('button', { name: 'Paga ora' }).focus();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('button', { name: 'Copia il numero' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByText('Numero copiato.')).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('301234567890123456');
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');

  await expect(page.getByRole('heading', { name: 'Istituto di pagamento' })).toBeVisible();
  await page.getByRole('link', { name: 'Paga', exact: true }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('Aspettiamo la conferma del pagamento')).toBeVisible();
  await expect(page.getByText('Pagamento ricevuto')).toHaveCount(0); // coming back proves nothing
  await expect(page.getByRole('button', { name: 'Paga ora' })).toHaveCount(0);
  await inspect(page, 'payment, being confirmed');
  await office(page, 'pay', { application: id });
  await expect(page.getByText('Pagamento ricevuto')).toBeVisible(); // without a reload
  await expect(page.locator('main')).toContainText('RPT-2026-000123');
  await inspect(page, 'payment, confirmed');
  await page.getByRole('link', { name: 'Vai alla pratica' }).focus();
  await page.keyboard.press('Enter');
  await expect(page.getByText('In registrazione')).toBeVisible();

  await office(page, 'register', { application: id });
  await expect(page.getByText('0000042/2026 del')).toBeVisible();
  await expect(page.locator('section[aria-labelledby="pagamento"]')).toContainText('RPT-2026-000123');
  await expect(page.locator('.sv-timeline')).toContainText('Pagamento ricevuto');
  await expect(page.locator('section[aria-labelledby="documenti"]')).toContainText('firma valida');
  await office(page, 'evidence', { application: id });
  await page.reload();
  await expect(page.getByRole('link', { name: 'Scarica il fascicolo di prova' })).toHaveAttribute('href', `/api/v1/applications/${id}/evidence`);
  await page.getByText('Mostra tutte le risposte').click();
  await expect(page.locator('.sv-summary .sv-signature')).toContainText('Firma valida');
  await inspect(page, 'case, paid and numbered');
  await page.goto(`/en/pratica/?id=${id}`);
  await expect(page.getByRole('link', { name: 'Download the evidence file' })).toBeVisible();
  await inspect(page, 'case in English');
});

test('back from the payment page with nothing done, and what waits stands first', async ({ page }) => {
  const id = await unpaidList(page);
  await page.getByRole('button', { name: 'Paga ora' }).click();
  await page.getByRole('link', { name: 'Annulla' }).click();
  await expect(page.getByText('Hai interrotto il pagamento')).toBeVisible();
  await inspect(page, 'payment stopped');
  await page.getByRole('button', { name: 'Paga ora' }).click();
  await page.getByRole('link', { name: 'Carta rifiutata' }).click();
  await expect(page.getByText('Il pagamento non è riuscito')).toBeVisible();
  await inspect(page, 'payment failed');

  await page.getByRole('link', { name: 'Vai alla pratica' }).click();
  await expect(page.locator('.sv-case-state')).toContainText('In attesa di pagamento');
  await expect(page.getByRole('button', { name: 'Paga ora' })).toBeVisible();
  await expect(page.getByText('Arriva quando il pagamento è confermato')).toBeVisible();
  await expect(page.getByText("L'ufficio riceve la pratica quando il pagamento arriva")).toBeVisible();
  await expect(page.getByLabel('Scrivi un messaggio')).toHaveCount(0);
  await inspect(page, 'case, not paid');
  await page.goto('/area-personale/');
  const waiting = page.getByRole('region', { name: 'Aspettano te' });
  await expect(waiting.locator('.sv-row').first()).toContainText(/Da pagare: 3,00\s€ entro il/);
  await inspect(page, 'my cases, one to pay');

  await office(page, 'payment', { application: id, state: 'expired', as: 'expired' });
  await page.goto(`/pratica/?id=${id}`);
  await expect(page.locator('.sv-case-state')).toContainText('Scaduta');
  await expect(page.getByText('il termine è passato')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Paga ora' })).toHaveCount(0);
  await inspect(page, 'case, expired');
  await office(page, 'payment', { application: id, state: 'expired', as: 'withdrawn' });
  await page.goto(`/pratica/?id=${id}`);
  await expect(page.getByText('Nessuno: la pratica si è chiusa prima del pagamento')).toBeVisible(); // not "soon", for ever
  await office(page, 'payment', { application: id, state: 'refunding' });
  await page.goto(`/pagamento/?id=${id}&esito=ok`);
  await expect(page.getByText('La somma ti viene restituita').first()).toBeVisible();
  await inspect(page, 'money on its way back');
});

test('who paid another sum is told that the case waits, and what to do', async ({ page }) => {
  const id = await unpaidList(page);
  await office(page, 'payment', { application: id, state: 'refunded' });
  for (const address of [`/pagamento/?id=${id}&esito=ok`, `/pratica/?id=${id}`]) {
    await page.goto(address);
    await expect(page.getByText('ritira la pratica e presentane una nuova')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Paga ora' })).toHaveCount(0);
    await inspect(page, 'another sum, given back');
  }
});

test('who paid and is not confirmed is told to wait, then where to look', async ({ page }) => {
  const id = await unpaidList(page);
  await page.clock.install();
  await page.goto(`/pagamento/?id=${id}&esito=ok`);
  await expect(page.getByText('Aspettiamo la conferma')).toBeVisible();
  for (let n = 0; n < 9; n += 1) {
    await page.clock.runFor(61_000);
    await page.waitForLoadState('networkidle');
  }
  await expect(page.getByText('La conferma non è ancora arrivata')).toBeVisible();
  await expect(page.getByText('Non pagare una seconda volta')).toBeVisible();
  await inspect(page, 'payment, confirmation late');
  await office(page, 'pay', { application: id });
  await page.getByRole('button', { name: 'Controlla adesso' }).click();
  await expect(page.getByText('Pagamento ricevuto')).toBeVisible();
  await office(page, 'register', { application: id });
  await page.clock.runFor(1_500);
  await expect(page.getByText('registrata al protocollo con il numero 0000042/2026')).toBeVisible(); // "soon" is not said for ever
});

/** The page as it is when it has given up looking again by itself. */
const looksNoMore = (page: Page) =>
  page.addInitScript(() => {
    const wait = window.setTimeout;
    window.setTimeout = ((run: () => void, delay = 0) => wait(run, delay < 1_000 ? delay : 1e9)) as typeof setTimeout;
  });

test('paid by another way: the page that waits learns it when one comes back, and no button stays at work', async ({ page, standIn }) => {
  const id = await unpaidList(page);
  await looksNoMore(page);
  await page.goto(`/pratica/?id=${id}`);
  await expect(page.getByRole('button', { name: 'Paga ora' })).toBeVisible();
  await office(page, 'pay', { application: id });
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expect(page.getByText('In registrazione')).toBeVisible();
  await expect(page.getByRole('button', { name: 'Paga ora' })).toHaveCount(0);

  await office(page, 'payment', { application: id, state: 'requested', as: 'awaiting_payment' });
  await page.reload();
  const payNow = page.getByRole('button', { name: 'Paga ora' });
  await page.route(`${standIn.bucket}/paga/**`, (route) => route.fulfill({ status: 204 })); // a page that is never left
  await payNow.click();
  const busy = page.getByRole('button', { name: 'Apro la pagina di pagamento' });
  await expect(busy).toHaveAttribute('aria-disabled', 'true');
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))); // as the browser's Back brings it back
  await expect(payNow).toBeVisible();
  await expect(busy).toHaveCount(0);
});

test.describe('at the moment of paying', () => {
  test.use({ expected: /40[19]/ });

  test('paid already, or signed out meanwhile: both are told for what they are', async ({ page }) => {
    const id = await unpaidList(page);
    await looksNoMore(page);
    await page.goto(`/pratica/?id=${id}`);
    await page.getByRole('button', { name: 'Paga ora' }).waitFor();
    await office(page, 'pay', { application: id });
    await page.getByRole('button', { name: 'Paga ora' }).click();
    await expect(page.getByText('In registrazione')).toBeVisible();
    await expect(page.locator('#contenuto')).toBeFocused();

    await office(page, 'payment', { application: id, state: 'requested', as: 'awaiting_payment' });
    await page.reload();
    await page.getByRole('button', { name: 'Paga ora' }).waitFor();
    await office(page, 'expire');
    await page.getByRole('button', { name: 'Paga ora' }).click();
    await expect(page.locator('#avviso-bozza')).toContainText('torni a questa pagina e puoi pagare');
    await expect(page.locator('#avviso-bozza')).not.toContainText('bozza');
    await inspect(page, 'signed out when paying');
    await page.goto(`/pagamento/?id=${id}&esito=ok`); // back from the institute with the session over
    await expect(page.getByText('Se hai pagato, non va perso nulla')).toBeVisible();
    await inspect(page, 'signed out after paying');
  });
});

test('with a person\'s own few colours a button still has its edges, and a verdict its sign', async ({ page }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  await newList(page);
  await chooseList(page, 'listino scaduto.pdf');
  await page.locator('.sv-signature').waitFor();
  const faint = await page.evaluate(() =>
    [...document.querySelectorAll('main .btn:not(.btn-link)')].filter((button) => getComputedStyle(button).borderTopStyle !== 'solid').map((button) => button.outerHTML.slice(0, 90)),
  );
  expect(faint).toEqual([]);
  const [sign, text] = await page.evaluate(() => [getComputedStyle(document.querySelector('.sv-signature .icon')!).fill, getComputedStyle(document.body).color]);
  expect(sign).toBe(text);
});

test('who left in English comes back in English', async ({ page }) => {
  const id = await unpaidList(page);
  await page.goto(`/en/ricevuta/?id=${id}`);
  await expect(page.locator('.sv-to-pay')).toContainText('€3.00');
  await page.getByRole('button', { name: 'Pay now' }).click();
  await page.getByRole('link', { name: 'Annulla' }).click();
  await expect(page).toHaveURL(/\/en\/pagamento\//);
  await expect(page.getByText('You stopped the payment')).toBeVisible();
  await page.getByRole('link', { name: 'Italiano' }).click(); // and may change it afterwards
  await expect(page.getByText('Hai interrotto il pagamento')).toBeVisible();
});

test.describe('when the institute fails', () => {
  test.use({ expected: /Failed to load resource/ });

  test('it is down, or sends the browser where it must not go: told, and nothing is lost', async ({ page }) => {
    await unpaidList(page);
    await office(page, 'institute', { down: true });
    await page.getByRole('button', { name: 'Paga ora' }).click();
    await expect(page.getByText('L’istituto di pagamento non risponde')).toBeVisible();
    await inspect(page, 'institute down');
    for (const url of ['http://paga.example.it/x', 'javascript:alert(1)', 'https://user:pass@paga.example.it/', '//paga']) {
      await office(page, 'institute', { url });
      await page.getByRole('button', { name: 'Paga ora' }).click();
      await expect(page.getByText('Il servizio ha avuto un problema')).toBeVisible();
      await expect(page).toHaveURL(/\/ricevuta\//);
    }
  });
});
