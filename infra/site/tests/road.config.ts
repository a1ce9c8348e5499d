import { defineConfig } from '@playwright/test';
import { browserArgs, browserPath } from './browser.mjs';

// The road through the real local cloud; see tests/road/portal.ts for which.
export default defineConfig({
  testDir: './road',
  outputDir: './results',
  workers: 1,
  forbidOnly: true,
  retries: 0,
  timeout: 480_000,
  expect: { timeout: 60_000 },
  reporter: [['list'], ['./counts.ts']],
  use: {
    locale: 'it-IT',
    timezoneId: 'Europe/Rome',
    viewport: { width: 1280, height: 900 },
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: await browserPath(), args: browserArgs },
  },
});
