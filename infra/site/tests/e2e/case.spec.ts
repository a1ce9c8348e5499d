import { expect, FACTS, focusShown, inspect, office, pdf, presented, signIn, test } from '../support.ts';

test('a case from number to rating', async ({ page }) => {
  const id = await presented(page);
  await page.getByRole('link', { name: 'Vai alla pratica' }).click();
  await expect(page.getByText('In registrazione')).toBeVisible();
  await inspect(page, 'case, presented');
  await office(page, 'register', { application: id });
  await expect(page.getByText('0000042/2026 del')).toBeVisible({ timeout: 20_000 }); // without a reload
  await office(page, 'charge', { application: id });
  await page.reload();
  await expect(page.getByText('Carla Verdi')).toBeVisible();
  await expect(page.locator('.sv-messages')).toContainText('stiamo verificando i fatti');

  const message = page.getByLabel('Scrivi un messaggio');
  await page.getByRole('button', { name: 'Invia il messaggio' }).click();
  await expect(message).toBeFocused();
  await expect(message).toHaveAccessibleDescription(/Scrivi il testo/);
  await message.fill('Aggiungo che la ricevuta è del 5 ottobre.');
  await page.getByRole('button', { name: 'Invia il messaggio' }).dblclick(); // pressed twice, sent once
  await expect(page.getByText('Messaggio inviato.')).toBeVisible();
  await expect(page.locator('.sv-message-mine')).toHaveCount(1);
  await expect(page.locator('.sv-message-mine')).toContainText('5 ottobre');
  await inspect(page, 'case with messages');

  await office(page, 'integration', { application: id });
  await page.goto('/area-personale/');
  await expect(page.getByRole('heading', { name: 'Aspettano te' })).toBeVisible();
  await inspect(page, 'my cases, one waits');
  await page.getByRole('link', { name: /Reclami e segnalazioni, protocollo/ }).click();
  await expect(page.getByRole('heading', { name: "L'ufficio ti chiede un'integrazione" })).toBeVisible();
  await inspect(page, 'integration asked');
  await page.getByLabel('La tua risposta').fill('Ecco la ricevuta richiesta.');
  await page.keyboard.press('Tab');
  await focusShown(page, 'integration asked');
  await page.locator('#campo-integration').setInputFiles([pdf('ricevuta.pdf')]);
  await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
  await page.reload(); // neither the words nor the file are lost
  await expect(page.getByLabel('La tua risposta')).toHaveValue('Ecco la ricevuta richiesta.');
  await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
  await page.getByRole('button', { name: 'Invia la risposta' }).click();
  await expect(page.locator('#risposta-inviata')).toBeFocused();
  await expect(page.getByRole('heading', { name: "L'ufficio ti chiede un'integrazione" })).toBeHidden();
  await expect(page.getByText('Ecco la ricevuta richiesta.')).toBeVisible();

  const documents = page.locator('section[aria-labelledby="documenti"]');
  await expect(documents.getByRole('link', { name: 'Ricevuta di presentazione' })).toHaveAttribute('href', `/api/v1/applications/${id}/documents/d-r`);
  await expect(documents.locator('li', { hasText: 'ricevuta.pdf' }).last()).toContainText("Allegato all'integrazione");
  await page.getByText('Mostra tutte le risposte').click();
  await expect(page.locator('.sv-summary')).toContainText(FACTS);
  await expect(page.locator('.sv-summary')).toContainText('5 ottobre 2026');
  await inspect(page, 'what was presented');

  await office(page, 'decide', { application: id });
  await page.goto(`/en/pratica/?id=${id}`);
  await expect(page.locator('.sv-timeline h3').first()).toHaveText('Decision of the office');
  await page.goto(`/pratica/?id=${id}`);
  await expect(page.getByRole('heading', { name: 'Esito: Reclamo fondato' })).toBeVisible();
  await expect(page.getByRole('link', { name: 'Scarica risposta.pdf' })).toHaveAttribute('href', `/api/v1/applications/${id}/documents/d-2`);
  await expect(page.getByRole('button', { name: 'Rinuncia alla pratica' })).toBeHidden();
  await inspect(page, 'decided');

  await page.getByRole('link', { name: 'Valuta il servizio' }).click();
  await expect(page.locator('[data-element="feedback"]')).toBeVisible();
  await inspect(page, 'rating');
  await page.getByRole('button', { name: 'Invia la valutazione' }).click();
  await expect(page.getByRole('alert')).toHaveText('Scegli da una a cinque stelle.');
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('#stella-2')).toBeChecked();
  await expect(page.locator('[data-element="feedback-rating-negative"] legend')).toHaveText('Dove hai incontrato le maggiori difficoltà?');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  await expect(page.locator('[data-element="feedback-rating-positive"] legend')).toHaveText('Quali sono stati gli aspetti che hai preferito?');
  await page.getByText('Le indicazioni erano chiare').click();
  await page.getByLabel('Vuoi aggiungere altri dettagli?').fill('Tutto bene.');
  await inspect(page, 'rating, four stars');
  const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url().includes('/surveys/'));
  await page.getByRole('button', { name: 'Invia la valutazione' }).click();
  expect((await sent).postDataJSON()).toEqual({ rating: 4, reasons: ['Le indicazioni erano chiare'], text: 'Tutto bene.' });
  await expect(page.getByText('Grazie, il tuo parere ci aiuterà a migliorare il servizio!')).toBeVisible();
  await expect(page.locator('#grazie')).toBeFocused();
  await inspect(page, 'rated');
  await page.reload();
  await expect(page.getByText('già stato valutato')).toBeVisible();
});

test('withdrawing asks twice and ends the case', async ({ page }) => {
  const id = await presented(page);
  await office(page, 'register', { application: id });
  await page.goto(`/pratica/?id=${id}`);
  await page.getByRole('button', { name: 'Rinuncia alla pratica' }).click();
  await expect(page.getByRole('form', { name: 'Rinuncia alla pratica' })).toBeFocused();
  await page.getByLabel('Motivo').fill('Risolto a voce.');
  await inspect(page, 'withdrawal');
  await page.getByRole('button', { name: 'No, tieni la pratica' }).click();
  await expect(page.getByLabel('Motivo')).toBeHidden();
  await page.getByRole('button', { name: 'Rinuncia alla pratica' }).click();
  await expect(page.getByLabel('Motivo')).toHaveValue('Risolto a voce.');
  await page.getByRole('button', { name: 'Sì, rinuncio' }).click();
  await expect(page.locator('.sv-case-state')).toContainText('Ritirata');
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await expect(page.getByRole('button', { name: 'Rinuncia alla pratica' })).toBeHidden();
});

test('a closed case offers no message that nobody would read, and no term that has ended', async ({ page }) => {
  const id = await presented(page);
  await page.goto(`/pratica/?id=${id}`);
  await expect(page.getByText('Risposta entro il')).toBeVisible();
  await office(page, 'close', { application: id });
  await page.reload();
  await expect(page.getByText('La pratica è chiusa')).toBeVisible();
  await expect(page.getByLabel('Scrivi un messaggio')).toBeHidden();
  await expect(page.getByText('Risposta entro il')).toBeHidden();
});

test('the AgID hooks of the rating are in place', async ({ page }) => {
  const id = await presented(page);
  await office(page, 'decide', { application: id });
  await page.goto(`/valuta/?t=s-${id}`);
  await expect(page.locator('[data-element="feedback"]')).toBeVisible();
  await expect(page.locator('[data-element="feedback-title"]')).toHaveText('Quanto è stato facile usare questo servizio?');
  for (const stars of [1, 2, 3, 4, 5]) await expect(page.locator(`[data-element="feedback-rate-${stars}"]`)).toBeVisible();
  await page.locator('[data-element="feedback-rate-1"]').click();
  await expect(page.locator('[data-element="feedback-rating-negative"] [data-element="feedback-rating-answer"]')).toHaveCount(5);
  await expect(page.locator('[data-element="feedback-input-text"] textarea')).toBeVisible();
});

test('an empty personal area says what to do', async ({ page }) => {
  await signIn(page);
  await expect(page.getByText('Non hai ancora pratiche')).toBeVisible();
  await inspect(page, 'my cases, empty');
});

test('the personal area holds the companies’ cases too, page by page', async ({ page }) => {
  await signIn(page);
  await page.evaluate(async () => {
    const create = (profile: string) =>
      fetch('/api/v1/applications', { method: 'POST', headers: { 'content-type': 'application/json', 'x-requested-with': 'sportello' }, body: JSON.stringify({ chamber: 'milano', service: 'reclami', profile }) });
    for (let n = 0; n < 12; n += 1) await create('p-2');
    await create('p-1');
  });
  await page.goto('/area-personale/');
  await expect(page.locator('.sv-row')).toHaveCount(11);
  await expect(page.locator('.sv-row').first()).toContainText('Anna Bianchi');
  await expect(page.locator('.sv-row').last()).toContainText('Officine Bianchi');
  await page.getByRole('button', { name: 'Mostra altre pratiche' }).click();
  await expect(page.locator('.sv-row')).toHaveCount(13);
  await expect(page.getByRole('button', { name: 'Mostra altre pratiche' })).toBeHidden();
});

test.describe('when things go wrong', () => {
  test.use({ expected: /Failed to load resource|net::ERR/ });

  test('a message that could not be sent stays where it was written', async ({ page }) => {
    const id = await presented(page);
    await page.goto(`/pratica/?id=${id}`);
    await page.route('**/messages', (route) => route.abort());
    await page.getByLabel('Scrivi un messaggio').fill('Testo da non perdere.');
    await page.getByRole('button', { name: 'Invia il messaggio' }).click();
    await expect(page.getByText('Il servizio non risponde')).toBeVisible();
    await inspect(page, 'message not sent');
    await page.reload();
    await expect(page.getByLabel('Scrivi un messaggio')).toHaveValue('Testo da non perdere.');
  });

  test('the service down: told, with a way to try again', async ({ page }) => {
    await signIn(page);
    await page.route('**/api/v1/applications?*', (route) => route.fulfill({ status: 503, contentType: 'text/html', body: '<h1>no</h1>' }));
    await page.goto('/area-personale/');
    await expect(page.getByText('Il servizio ha avuto un problema')).toBeVisible();
    await inspect(page, 'service down');
    await page.unroute('**/api/v1/applications?*');
    await page.getByRole('button', { name: 'Riprova' }).click();
    await expect(page.getByText('Non hai ancora pratiche')).toBeVisible();
  });

  test('a rating link that is not known', async ({ page }) => {
    await page.goto('/valuta/?t=nope');
    await expect(page.getByText('non è valido o è scaduto')).toBeVisible();
  });
});
