import { expect, fillAll, fillFacts, focusShown, inspect, newDraft, office, pdf, saved, signIn, test } from '../support.ts';

test('from the service sheet to the receipt', async ({ page }) => {
  await page.goto('/servizi/reclami/');
  await page.getByRole('link', { name: 'Presenta il reclamo' }).first().click();
  await expect(page).toHaveURL(/\/accesso\/\?return=/);
  await page.getByRole('link', { name: 'Entra con CIE' }).click();
  await expect(page).toHaveURL(/\/profilo\/\?servizio=reclami/);
  await expect(page.locator('label', { hasText: 'Anna Bianchi' })).toBeVisible();
  await inspect(page, 'profile');

  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();
  await expect(page.getByRole('alert')).toHaveText('Scegli per chi presenti la pratica.');
  await inspect(page, 'profile, nothing chosen');
  await page.getByText('Officine Bianchi S.r.l.').click();
  await page.getByRole('button', { name: 'Inizia la compilazione' }).click();

  await expect(page.getByText('Pratica di Officine Bianchi S.r.l.')).toBeVisible();
  await inspect(page, 'form, step 1');
  await fillAll(page);
  await expect(page.locator('main')).toContainText('12345678903');
  await expect(page.locator('main')).toContainText('5 ottobre 2026');
  await expect(page.locator('.sv-summary')).toContainText('Anna Bianchi, BNCNNA80A41F205X'); // who writes for the company
  await inspect(page, 'summary');
  await page.getByRole('button', { name: 'Presenta la pratica' }).click();

  await expect(page).toHaveURL(/\/ricevuta\/\?id=/);
  await expect(page.getByText('La pratica è stata presentata')).toBeVisible();
  await expect(page.locator('.sv-receipt')).toContainText('Titolare del potere sostitutivo');
  await inspect(page, 'receipt');
  const id = new URL(page.url()).searchParams.get('id')!;
  await office(page, 'register', { application: id });
  await expect(page.locator('.sv-receipt')).toContainText('0000042/2026', { timeout: 20_000 });
  await expect(page.getByRole('link', { name: 'Ricevuta in PDF' })).toBeVisible();
  expect(await page.evaluate(() => Object.keys(sessionStorage).filter((key) => key.startsWith('bozza:') || key.startsWith('invio:')))).toEqual([]);

  await page.emulateMedia({ media: 'print' });
  await expect(page.getByRole('button', { name: 'Stampa' })).toBeHidden();
  await expect(page.locator('.it-brand-title')).toBeVisible();
  await page.emulateMedia({ media: 'screen' });

  // On another device: what the case itself knows, and the sealed document for the rest.
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await expect(page.locator('.sv-receipt')).toContainText('Reclami e segnalazioni');
  await expect(page.locator('.sv-receipt code').first()).toHaveText(/^[0-9a-f]{64}$/);
  await expect(page.getByText('La ricevuta completa')).toBeVisible();
});

test('errors: summary with focus, title, links to fields, nothing lost', async ({ page }) => {
  await newDraft(page);
  await page.getByRole('button', { name: 'Avanti' }).click();
  const summary = page.locator('#errori');
  await expect(summary).toBeFocused();
  await expect(summary.getByRole('link')).toHaveCount(3);
  await expect(page).toHaveTitle(/^Errore: /);
  await inspect(page, 'form with errors');
  await page.keyboard.press('Tab');
  await focusShown(page, 'form with errors');
  await summary.getByRole('link', { name: /Quando è successo/ }).click();
  const date = page.getByLabel('Quando è successo');
  await expect(date).toBeFocused();
  await expect(date).toHaveAttribute('aria-invalid', 'true');
  await expect(date).toHaveAccessibleDescription(/Compila il campo/);
  await fillFacts(page);
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.getByRole('heading', { name: 'La richiesta e le prove' })).toBeFocused();
  await expect(page).toHaveTitle(/^La richiesta/);
});

test('a field that another answer calls for appears, is required, and goes again', async ({ page }) => {
  await newDraft(page);
  await expect(page.getByLabel('Quale servizio o ufficio')).toBeHidden();
  await page.getByLabel('Servizio a cui si riferisce').selectOption('altro');
  const office = page.getByLabel('Quale servizio o ufficio');
  await expect(office).toBeVisible();
  await expect(office).toHaveAttribute('aria-required', 'true');
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.locator('#errori')).toContainText('Quale servizio o ufficio');
  await page.getByLabel('Servizio a cui si riferisce').selectOption('sito');
  await expect(office).toBeHidden();
});

test('fields that change at the same moment are all kept, as when the browser fills them in', async ({ page }) => {
  await newDraft(page);
  await page.evaluate(() => {
    const put = (element: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement, value: string, event: string) => {
      element.value = value;
      element.dispatchEvent(new Event(event, { bubbles: true }));
    };
    put(document.querySelector('main select')!, 'registro-imprese', 'change');
    put(document.querySelector('main input[type=date]')!, '2026-10-05', 'input');
    put(document.querySelector('main textarea')!, 'Due mesi senza risposta alla pratica di variazione.', 'input');
    document.querySelector<HTMLButtonElement>('main form .sv-actions button.btn-primary')!.click();
  });
  await expect(page.getByLabel('Che cosa chiedi')).toBeVisible({ timeout: 10_000 });
});

test('Back goes one step back, and the steps keep what was written', async ({ page }) => {
  await newDraft(page);
  await fillFacts(page);
  await page.getByRole('button', { name: 'Avanti' }).click();
  await expect(page.getByRole('heading', { name: 'La richiesta e le prove' })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'I fatti' })).toBeVisible();
  await expect(page.getByLabel('Quando è successo')).toHaveValue('2026-10-05');
  await page.goForward();
  await expect(page.getByRole('heading', { name: 'La richiesta e le prove' })).toBeVisible();
});

test('the whole form with the keyboard alone', async ({ page }) => {
  await newDraft(page);
  const press = async (key: string, times = 1) => {
    for (let n = 0; n < times; n += 1) await page.keyboard.press(key);
  };
  const tabTo = async (accept: (focused: string) => boolean) => {
    for (let n = 0; n < 40; n += 1) {
      await page.keyboard.press('Tab');
      const focused = await page.evaluate(() => `${document.activeElement?.id} ${document.activeElement?.textContent?.trim()}`);
      if (accept(focused)) return;
    }
    throw new Error('not reached with Tab');
  };
  await tabTo((focused) => focused.startsWith('campo-subject'));
  await page.keyboard.type('Registro');
  await tabTo((focused) => focused.startsWith('campo-factsDate'));
  await page.keyboard.type('05102026');
  await tabTo((focused) => focused.startsWith('campo-facts '));
  await page.keyboard.type('Fatti scritti con la sola tastiera.');
  await tabTo((focused) => focused.endsWith('Avanti'));
  await press('Enter');
  await expect(page.getByRole('heading', { name: 'La richiesta e le prove' })).toBeFocused();
  await tabTo((focused) => focused.startsWith('campo-request'));
  await page.keyboard.type('Una risposta scritta.');
  await tabTo((focused) => focused.startsWith('campo-evidence'));
  const ring = await page.locator('label[for="campo-evidence"]').evaluate((label) => getComputedStyle(label).outlineStyle);
  expect(ring, 'the focus of the hidden input is drawn on its label').toBe('solid');
  await tabTo((focused) => focused.endsWith('Avanti'));
  await press('Enter');
  await expect(page.getByRole('heading', { name: 'Recapiti e informativa' })).toBeFocused();
  await tabTo((focused) => focused.startsWith('campo-domicile'));
  await press('Space');
  await press('ArrowDown', 2);
  await expect(page.getByLabel('Non ho una PEC')).toBeChecked();
  await tabTo((focused) => focused.startsWith('campo-privacy'));
  await press('Space');
  await tabTo((focused) => focused.endsWith('Avanti'));
  await press('Enter');
  await expect(page.getByRole('heading', { name: 'Riepilogo' })).toBeFocused();
  await tabTo((focused) => focused.endsWith('Presenta la pratica'));
  await press('Enter');
  await expect(page.getByText('La pratica è stata presentata')).toBeVisible();
});

test.describe('uploads', () => {
  test('several files, refusals by name, removal', async ({ page }) => {
    await newDraft(page);
    await fillFacts(page);
    await page.getByRole('button', { name: 'Avanti' }).click();
    const input = page.locator('#campo-evidence');
    await input.setInputFiles([pdf('ricevuta.pdf'), pdf('lettera.pdf'), { name: 'programma.exe', mimeType: 'application/octet-stream', buffer: Buffer.from('x') }, { name: 'vuoto.pdf', mimeType: 'application/pdf', buffer: Buffer.alloc(0) }]);
    await expect(page.getByText('«programma.exe» non è di un tipo ammesso: servono .pdf, .jpg')).toBeVisible();
    await expect(page.getByText('«vuoto.pdf» è vuoto.')).toBeVisible();
    await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Rimuovi lettera.pdf' })).toBeVisible();
    await inspect(page, 'files');
    await page.getByRole('button', { name: 'Rimuovi lettera.pdf' }).click();
    await expect(page.getByText('lettera.pdf rimosso')).toBeAttached();
    await page.getByLabel('Che cosa chiedi').fill('Chiedo una risposta.');
    await expect(saved(page)).toBeVisible(); // attachments raised the version: saving goes on
    await page.reload();
    await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
    await expect(page.getByRole('button', { name: 'Rimuovi lettera.pdf' })).toBeHidden();
  });

  test('shows progress, and Avanti waits for the file', async ({ page, standIn }) => {
    await newDraft(page);
    await fillFacts(page);
    await page.getByRole('button', { name: 'Avanti' }).click();
    await page.getByLabel('Che cosa chiedi').fill('Chiedo una risposta.');
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    await page.route(`${standIn.bucket}/**`, async (route) => {
      if (route.request().method() === 'PUT') await held;
      await route.continue();
    });
    await page.locator('#campo-evidence').setInputFiles([pdf('grande.pdf', 300_000)]);
    await expect(page.getByRole('progressbar', { name: 'Caricamento di grande.pdf' })).toBeVisible();
    await inspect(page, 'uploading');
    await page.getByRole('button', { name: 'Avanti' }).click();
    await expect(page.getByText('Aspetta che i file siano caricati')).toBeVisible();
    release();
    await expect(page.getByRole('button', { name: 'Rimuovi grande.pdf' })).toBeVisible();
    await page.getByRole('button', { name: 'Avanti' }).click();
    await expect(page.getByRole('heading', { name: 'Recapiti e informativa' })).toBeVisible();
  });

  test.describe('on a bad line', () => {
    test.use({ expected: /412|422|ERR_FAILED|CORS|net::/ });

    test('a lost answer is repeated, and the 412 of the second PUT counts as done', async ({ page, standIn }) => {
      await newDraft(page);
      await fillFacts(page);
      await page.getByRole('button', { name: 'Avanti' }).click();
      let puts = 0;
      await page.route(`${standIn.bucket}/**`, async (route) => {
        if (route.request().method() !== 'PUT') return route.continue();
        puts += 1;
        if (puts > 1) return route.continue();
        await route.fetch(); // it arrives…
        await route.abort(); // …and the answer is lost
      });
      await page.locator('#campo-evidence').setInputFiles([pdf('ricevuta.pdf')]);
      await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
      expect(puts).toBe(2);
    });

    test('a file whose content is refused can only be removed, and leaves nothing behind', async ({ page }) => {
      const id = await newDraft(page);
      await fillFacts(page);
      await page.getByRole('button', { name: 'Avanti' }).click();
      const detail = 'Il contenuto del file non corrisponde al suo tipo.';
      await page.route('**/completion', (route) => route.fulfill({ status: 422, contentType: 'application/problem+json', body: JSON.stringify({ status: 422, detail }) }));
      await page.locator('#campo-evidence').setInputFiles([pdf('finto.pdf')]);
      await expect(page.getByText(detail, { exact: true })).toBeVisible();
      await expect(page.getByRole('button', { name: 'Riprova finto.pdf' })).toBeHidden();
      await page.getByRole('button', { name: 'Rimuovi finto.pdf' }).click();
      await expect(page.locator('#campo-evidence')).toBeFocused();
      const { attachments } = await page.evaluate((draft) => fetch(`/api/v1/applications/${draft}`).then((answer) => answer.json()), id);
      expect(attachments).toEqual([]);
    });

    test('a file that will not go is told and can be tried again', async ({ page, standIn }) => {
      await newDraft(page);
      await fillFacts(page);
      await page.getByRole('button', { name: 'Avanti' }).click();
      let broken = true;
      await page.route(`${standIn.bucket}/**`, (route) => (route.request().method() === 'PUT' && broken ? route.abort() : route.continue()));
      await page.locator('#campo-evidence').setInputFiles([pdf('ricevuta.pdf')]);
      await expect(page.getByText('Caricamento interrotto.', { exact: true })).toBeVisible({ timeout: 15_000 });
      await inspect(page, 'upload failed');
      // It is not left behind in silence, neither forward nor by going back and forth.
      await page.getByLabel('Che cosa chiedi').fill('Chiedo una risposta.');
      await page.getByRole('button', { name: 'Avanti' }).click();
      await expect(page.locator('#errori')).toContainText('Un file non è stato caricato');
      await page.getByRole('button', { name: 'Indietro' }).click();
      await page.getByRole('button', { name: 'Avanti' }).click();
      await expect(page.getByText('Caricamento interrotto.', { exact: true })).toBeVisible();
      await page.getByRole('button', { name: 'Avanti' }).click();
      await expect(page.locator('#errori')).toBeVisible();
      broken = false;
      await page.getByRole('button', { name: 'Riprova ricevuta.pdf' }).click();
      await expect(page.getByLabel('Documenti e fotografie')).toBeFocused(); // the button is gone
      await expect(page.getByText('Caricamento interrotto.', { exact: true })).toBeHidden();
      await expect(page.getByRole('button', { name: 'Rimuovi ricevuta.pdf' })).toBeVisible();
      await expect(page.locator('#errori')).toBeHidden(); // what has been put right is no error any more
    });
  });
});

test('an incomplete list of companies is owned up to', async ({ page }) => {
  await signIn(page);
  await office(page, 'incomplete');
  await page.goto('/profilo/?servizio=reclami');
  await expect(page.getByText('Il Registro delle imprese in questo momento non risponde')).toBeVisible();
  await inspect(page, 'profile, incomplete');
});

test('the form speaks English on the English pages', async ({ page }) => {
  await page.goto('/en/accesso/?return=%2Fen%2Fprofilo%2F%3Fservizio%3Dreclami');
  await page.getByRole('link', { name: 'Sign in with SPID' }).click();
  await page.locator('label', { hasText: 'Anna Bianchi' }).click();
  await page.getByRole('button', { name: 'Start' }).click();
  await expect(page.getByLabel('When it happened')).toBeVisible();
  await page.getByRole('button', { name: 'Next' }).click();
  await expect(page.locator('#errori')).toContainText('There are 3 errors to correct');
  await inspect(page, 'English form');
});
