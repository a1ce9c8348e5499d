import { defineConfig } from '@playwright/test';
import { browserArgs, browserPath } from './browser.mjs';

export default defineConfig({
  testDir: './e2e',
  outputDir: './results',
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [['list'], ['./counts.ts']],
  use: {
    locale: 'it-IT',
    timezoneId: 'Europe/Rome',
    viewport: { width: 1280, height: 800 },
    trace: 'off',
    launchOptions: { executablePath: await browserPath(), args: browserArgs },
  },
});
