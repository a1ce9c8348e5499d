import fs from 'node:fs';
import path from 'node:path';
import { readChambers } from '../../scripts/catalogue.mjs';
import { expect, focusShown, inspect, reflows, test } from '../support.ts';

const dist = path.resolve(import.meta.dirname, '../../dist');
const PUBLIC = ['/', '/camere/', '/servizi/reclami/', '/accesso/', '/privacy/', '/accessibilita/'];
const PUBLIC_EN = PUBLIC.map((address) => `/en${address}`);

for (const address of [...PUBLIC, ...PUBLIC_EN]) {
  test(`${address} is in order`, async ({ page }) => {
    await page.goto(address);
    await page.waitForLoadState('networkidle');
    await expect(page.locator('html')).toHaveAttribute('lang', address.startsWith('/en/') ? 'en' : 'it');
    await expect(page.locator('h1')).toHaveCount(1);
    await expect(page.locator('.it-brand-title')).toContainText('Milano Monza Brianza Lodi');
    await inspect(page, address);
  });
}

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  for (const address of PUBLIC) {
    test(`${address} can be read`, async ({ page }) => {
      await page.goto(address);
      await expect(page.locator('h1')).toBeVisible();
      await expect(page.locator('main')).not.toBeEmpty();
      await expect(page.locator('main')).not.toContainText('Caricamento');
    });
  }

  test('a service can be reached and the way in is a plain link', async ({ page }) => {
    await page.goto('/');
    await page.getByRole('link', { name: 'Reclami e segnalazioni' }).click();
    await page.getByRole('link', { name: 'Presenta il reclamo' }).first().click();
    await expect(page.getByRole('link', { name: 'Entra con SPID' })).toHaveAttribute('href', /^\/api\/v1\/login\?provider=spid&return=/);
  });

  test('a page that needs it says so', async ({ page }) => {
    await page.goto('/modulo/?id=1');
    await expect(page.getByText('Questa pagina ha bisogno di JavaScript')).toBeVisible();
  });
});

for (const chamber of readChambers()) {
  test.describe(chamber.id, () => {
    test.use({ chamber: chamber.id });
    test('wears its own colours, name and addresses', async ({ page }) => {
      await page.goto('/servizi/reclami/');
      const colour = await page.locator('.it-header-center-wrapper').evaluate((element) => getComputedStyle(element).backgroundColor);
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(chamber.colours.primary.slice(at, at + 2), 16));
      expect(colour).toBe(`rgb(${r}, ${g}, ${b})`);
      await expect(page.locator('.it-brand-title')).toHaveText(chamber.name);
      await expect(page.getByRole('link', { name: chamber.offices[0].pec })).toHaveAttribute('href', `mailto:${chamber.offices[0].pec}`);
      await expect(page.locator('.sv-brand img')).toHaveJSProperty('naturalWidth', await page.locator('.sv-brand img').evaluate((image: HTMLImageElement) => image.naturalWidth));
      await inspect(page, chamber.id);
    });
  });
}

test.describe('the bare host', () => {
  test.use({ chamber: '' });
  test('asks for the chamber and leads to its host', async ({ page, standIn }) => {
    await page.goto('/');
    await page.waitForLoadState('networkidle');
    await inspect(page, 'chooser');
    await expect(page.locator('main li')).toHaveCount(7);
    await page.getByRole('link', { name: 'Sondrio' }).click();
    await page.waitForURL(`http://sondrio.localhost:${standIn.port}/`);
    await expect(page.locator('.it-brand-title')).toHaveText('Camera di commercio di Sondrio');
  });

  for (const address of ['/accesso/', '/area-personale/', '/modulo/?id=1']) {
    test(`${address} belongs to a chamber: back to the choice`, async ({ page }) => {
      await page.goto(address);
      await page.waitForURL(/\/camere\/$/);
    });
  }
});

test.describe('the bare host without JavaScript', () => {
  test.use({ chamber: '', javaScriptEnabled: false });
  test('asks for the chamber wherever one comes in', async ({ page }) => {
    await page.goto('/');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Scegli la tua Camera di commercio');
    for (const address of ['/servizi/reclami/', '/accesso/']) {
      await page.goto(address);
      await expect(page.locator('main').getByRole('link', { name: 'Scegli la tua Camera di commercio' })).toHaveAttribute('href', '/camere/');
    }
    await expect(page.getByRole('link', { name: 'Entra con SPID' })).toBeHidden();
  });
});

test('text with wide spacing stays within a narrow screen', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  for (const address of ['/', '/servizi/reclami/', '/accesso/', '/privacy/']) {
    await page.goto(address);
    await page.evaluate(() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important } p { margin-bottom: 2em !important }');
      document.adoptedStyleSheets = [sheet];
    });
    await reflows(page, `${address}, spaced`);
  }
});

test.describe('search', () => {
  test('finds by need, announces, and owns up to nothing', async ({ page }) => {
    await page.goto('/');
    await page.waitForLoadState('networkidle');
    const box = page.getByLabel('Cerca un servizio');
    await box.fill('lamentele per un ufficio');
    await expect(page.getByRole('heading', { name: 'Risultati della ricerca' })).toBeVisible();
    await expect(page.getByRole('link', { name: 'Reclami e segnalazioni' })).toBeVisible();
    await expect(page.getByText('Un servizio trovato')).toBeAttached();
    await box.fill('asilo nido');
    await expect(page.locator('main .callout')).toContainText('Nessun servizio corrisponde');
    await inspect(page, 'nothing found');
    await page.getByRole('button', { name: 'Mostra tutti i servizi' }).click();
    await expect(page.getByRole('link', { name: 'Reclami e segnalazioni' })).toBeVisible();
  });
});

test.describe('a page that does not exist', () => {
  test.use({ expected: /404/ });
  test('says so, helps, and is in order', async ({ page }) => {
    const response = await page.goto('/non-esiste/');
    expect(response?.status()).toBe(404);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Pagina non trovata');
    await expect(page.locator('.sv-nav [aria-current]')).toHaveCount(0);
    await inspect(page, '404');
  });
});

test('the other language is one link away, on the same page and case', async ({ page }) => {
  await page.goto('/servizi/reclami/?x=1');
  await page.getByRole('link', { name: 'English' }).click();
  await expect(page).toHaveURL(/\/en\/servizi\/reclami\/\?x=1$/);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Complaints and reports');
  await expect(page.locator('.it-brand-title')).toHaveText('Chamber of Commerce of Milano Monza Brianza Lodi');
});

test('the skip link leads past the header', async ({ page }) => {
  await page.goto('/servizi/reclami/');
  await page.keyboard.press('Tab');
  const skip = page.getByRole('link', { name: 'Vai al contenuto' });
  await expect(skip).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('main')).toBeFocused();
  await page.keyboard.press('Tab');
  await expect(page.locator('main :focus')).toHaveCount(1);
  await focusShown(page, 'service');
});

test('pages carry nothing inline and no personal data in their addresses', async () => {
  const pages: string[] = JSON.parse(fs.readFileSync(path.join(dist, 'pages.json'), 'utf8'));
  expect(pages.length).toBeGreaterThanOrEqual(24);
  for (const address of pages) {
    const html = fs.readFileSync(path.join(dist, address, 'index.html'), 'utf8');
    expect(html, address).not.toMatch(/\sstyle="|<style|\son\w+="|javascript:/);
    expect(html.match(/<script(?![^>]*\bsrc=)/g), address).toBeNull();
    expect(html, address).toContain('hreflang="en"');
  }
});
