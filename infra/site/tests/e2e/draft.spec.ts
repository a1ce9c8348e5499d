import type { Route } from '@playwright/test';
import { expect, FACTS, fillAll, fillFacts, inspect, newDraft, office, saved, test } from '../support.ts';

test('the draft saves itself, says when, and is there on the next visit', async ({ page }) => {
  const id = await newDraft(page);
  await fillFacts(page);
  await expect(page.locator('[data-state="saving"]')).toBeVisible();
  await expect(saved(page)).toHaveText(/Bozza salvata alle \d\d:\d\d/);
  await inspect(page, 'saved');
  await page.goto('/area-personale/');
  await inspect(page, 'my cases with a draft');
  await page.getByRole('link', { name: 'Continua: Reclami e segnalazioni' }).click();
  await expect(page).toHaveURL(new RegExp(`id=${id}`));
  await expect(page.getByRole('heading', { name: 'La richiesta e le prove' })).toBeVisible(); // the first open step
  await page.getByRole('button', { name: 'Indietro' }).click();
  await expect(page.getByLabel('Che cosa è successo')).toHaveValue(FACTS);
});

test('leaving at once after the last letter loses nothing', async ({ page }) => {
  const id = await newDraft(page);
  await fillFacts(page);
  await page.getByLabel('Che cosa è successo').pressSequentially(' E altro.');
  page.on('dialog', (dialog) => void dialog.accept());
  await page.goto('/privacy/');
  await page.goto(`/modulo/?id=${id}#fatti`);
  await expect(page.getByLabel('Che cosa è successo')).toHaveValue(`${FACTS} E altro.`);
  await expect(page.locator('[data-state="saving"]')).toBeHidden();
});

test('a draft of the same service is offered before a new one is begun', async ({ page }) => {
  await newDraft(page);
  await page.goto('/profilo/?servizio=reclami');
  await expect(page.getByText('Hai già una bozza per questo servizio')).toBeVisible();
  await inspect(page, 'profile with a draft');
  await page.getByRole('link', { name: /Riprendi la bozza di Anna Bianchi/ }).click();
  await expect(page).toHaveURL(/\/modulo\/\?id=/);
});

test('a draft can be deleted, after a second question', async ({ page }) => {
  await newDraft(page);
  await fillFacts(page);
  await page.getByRole('button', { name: 'Elimina la bozza' }).click();
  await expect(page.getByRole('group', { name: 'Elimina la bozza' })).toBeFocused();
  await inspect(page, 'deleting');
  await page.getByRole('button', { name: 'No, tieni la bozza' }).click();
  await expect(page.getByRole('button', { name: 'Elimina la bozza' })).toBeFocused();
  await page.getByRole('button', { name: 'Elimina la bozza' }).click();
  await page.getByRole('button', { name: 'Sì, elimina' }).click();
  await expect(page.getByText('Non hai ancora pratiche')).toBeVisible();
  expect(await page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
});

test.describe('when things go wrong', () => {
  test.use({ expected: /Failed to load resource|net::ERR/ });

  test('no network: it says "not saved", keeps the text, and saves when it can', async ({ page }) => {
    await newDraft(page);
    let down = true;
    await page.route('**/api/v1/applications/*', (route) => (down && route.request().method() === 'PATCH' ? route.abort() : route.continue()));
    await fillFacts(page);
    await expect(page.locator('[data-state="unsaved"]')).toContainText('Non salvato.');
    await inspect(page, 'not saved');
    await expect(page.getByRole('button', { name: 'Salva adesso' })).toBeVisible();
    down = false;
    // By the button, unless the page has tried again by itself first.
    await page.getByRole('button', { name: 'Salva adesso' }).click({ timeout: 1_000 }).catch(() => undefined);
    await expect(saved(page)).toBeVisible({ timeout: 30_000 });
    down = true;
    await page.getByLabel('Che cosa è successo').pressSequentially(' E altro.');
    await expect(page.locator('[data-state="unsaved"]')).toBeVisible();
    page.on('dialog', (dialog) => void dialog.accept()); // "leave the page?": asked, because something is unsaved
    await page.reload();
    await page.goto(`${new URL(page.url()).pathname}${new URL(page.url()).search}#fatti`);
    await expect(page.getByLabel('Che cosa è successo')).toHaveValue(`${FACTS} E altro.`);
  });

  test('the session ends: sign in again from here, come back to the same step with everything', async ({ page }) => {
    await newDraft(page);
    await fillFacts(page);
    await page.getByRole('button', { name: 'Avanti' }).click();
    await expect(saved(page)).toBeVisible();
    await office(page, 'expire');
    await page.getByLabel('Che cosa chiedi').fill('Testo scritto dopo la scadenza.');
    await expect(page.locator('#avviso-bozza')).toContainText('La sessione è scaduta');
    await expect(page.locator('[data-state="signed-out"]')).toContainText('La sessione è scaduta');
    await inspect(page, 'signed out');
    await page.getByRole('link', { name: 'Accedi di nuovo' }).click();
    await page.getByRole('link', { name: 'Entra con SPID' }).click();
    await expect(page).toHaveURL(/\/modulo\/\?id=.*#richiesta$/);
    await expect(page.getByLabel('Che cosa chiedi')).toHaveValue('Testo scritto dopo la scadenza.');
    await expect(saved(page)).toBeVisible();
  });

  test('written elsewhere meanwhile: both versions are shown and the person chooses', async ({ page }) => {
    const id = await newDraft(page);
    await fillFacts(page);
    await expect(saved(page)).toBeVisible();
    await office(page, 'elsewhere', { application: id, answers: { facts: 'Testo scritto da un altro dispositivo.' } });
    await page.getByLabel('Che cosa è successo').fill('Testo scritto qui, più a lungo.');
    await expect(page.locator('#avviso-bozza')).toContainText("La bozza è stata modificata da un'altra parte");
    await inspect(page, 'conflict');
    // Whoever is writing looks at the foot of the form: it says so there too, and leads to the choice.
    await expect(page.locator('[data-state="conflict"]')).toContainText("La bozza è stata modificata da un'altra parte");
    await page.getByRole('link', { name: "Vai all'avviso" }).click();
    await expect(page.locator('#avviso-bozza')).toBeFocused();
    await expect(page.locator('#avviso-bozza')).toBeInViewport();
    await page.getByRole('button', { name: 'Carica la versione salvata altrove' }).click();
    await expect(page.locator('#passo')).toBeFocused();
    await expect(page.getByLabel('Che cosa è successo')).toHaveValue('Testo scritto da un altro dispositivo.');
    await page.getByLabel('Che cosa è successo').fill('Terza versione, dopo la scelta.');
    await expect(saved(page)).toBeVisible();
  });

  test('an answer lost while presenting is told truthfully, and presenting again does it once', async ({ page, standIn }) => {
    await newDraft(page);
    await fillAll(page);
    const keys: (string | undefined)[] = [];
    await page.route('**/submission', async (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      if (keys.length > 2) return route.continue();
      if (keys.length > 1) return route.fulfill({ status: 504, contentType: 'text/html', body: 'Gateway Timeout' });
      await arrive(route, standIn.port);
      await route.abort();
    });
    await page.getByRole('button', { name: 'Presenta la pratica' }).click();
    const present = page.getByRole('button', { name: 'Presenta la pratica' });
    await expect(page.getByText('Non sappiamo se la pratica è arrivata')).toBeVisible();
    await expect(page.getByText('La pratica non è stata presentata')).toBeHidden();
    await expect(present).toBeFocused(); // it was busy, not disabled: the keyboard is where it was
    await inspect(page, 'unknown outcome');
    await present.click(); // a gateway that gives up knows no more
    await expect.poll(() => keys.length).toBe(2);
    await expect(page.getByText('Non sappiamo se la pratica è arrivata')).toBeVisible();
    await present.click();
    await expect(page.getByText('La pratica è stata presentata')).toBeVisible();
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
  });

  test('what the server refuses appears beside its field', async ({ page }) => {
    await newDraft(page);
    await fillAll(page);
    await page.route('**/submission', (route) =>
      route.fulfill({
        status: 422,
        contentType: 'application/problem+json',
        body: JSON.stringify({ title: 'Dati non validi', status: 422, detail: 'Alcuni dati non sono validi.', errors: [{ pointer: '#/answers/facts', detail: 'Il testo contiene caratteri che non si possono usare.' }], instance: 'req-1' }),
      }),
    );
    await page.getByRole('button', { name: 'Presenta la pratica' }).click();
    await expect(page.locator('#errori')).toBeFocused();
    await inspect(page, 'refused');
    await page.locator('#errori').getByRole('link').click();
    await expect(page.getByLabel('Che cosa è successo')).toBeFocused();
  });

  test("somebody else's case looks like one that does not exist", async ({ page }) => {
    await newDraft(page);
    await page.goto('/modulo/?id=00000000-0000-0000-0000-000000000000');
    await expect(page.getByText('La pratica non esiste')).toBeVisible();
    await inspect(page, 'draft not found');
    await page.goto('/pratica/?id=00000000-0000-0000-0000-000000000000');
    await expect(page.getByRole('heading', { level: 1, name: 'Pratica' })).toBeVisible();
    await inspect(page, 'case not found');
    await page.getByRole('link', { name: "Vai all'area personale" }).click();
    await expect(page.getByRole('heading', { level: 1, name: 'Area personale' })).toBeVisible();
  });

  test('signing out clears the tab', async ({ page }) => {
    await newDraft(page);
    await page.route('**/api/v1/applications/*', (route) => (route.request().method() === 'PATCH' ? route.abort() : route.continue()));
    await fillFacts(page);
    await expect(page.locator('[data-state="unsaved"]')).toBeVisible();
    page.on('dialog', (dialog) => void dialog.accept());
    await page.getByRole('button', { name: 'Esci' }).click();
    await page.waitForURL(/localhost:\d+\/$/);
    expect(await page.evaluate(() => JSON.stringify(sessionStorage))).not.toContain('variazione');
    await page.goto('/area-personale/');
    await expect(page).toHaveURL(/\/accesso\/\?return=%2Farea-personale%2F/);
  });

  test('a login that failed says why and keeps the way back', async ({ page }) => {
    await page.goto('/accesso/?errore=annullato&return=%2Fprofilo%2F%3Fservizio%3Dreclami');
    await expect(page.getByRole('alert')).toContainText("Hai annullato l'accesso");
    await inspect(page, 'login failed');
    await page.getByRole('link', { name: 'Entra con SPID' }).click();
    await expect(page).toHaveURL(/\/profilo\//);
  });
});

/** Lets a request reach the server; outside the browser the name of the host does not resolve. */
async function arrive(route: Route, port: number): Promise<void> {
  const url = new URL(route.request().url());
  const headers = { ...(await route.request().allHeaders()), host: url.host };
  await route.fetch({ url: `http://127.0.0.1:${port}${url.pathname}`, headers });
}
