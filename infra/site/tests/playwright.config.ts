import { defineConfig } from '@playwright/test';
import { browserArgs, browserPath } from './browser.mjs';

export default defineConfig({
  testDir: './e2e',
  outputDir: './results',
  workers: 3, // one more than cores: a browser waits now and then
  fullyParallel: true,
  forbidOnly: true,
  retries: 0,
  timeout: 180_000, // two cores may be busy with the rest of the tests
  expect: { timeout: 20_000 },
  reporter: [['list'], ['./counts.ts']],
  use: {
    locale: 'it-IT',
    timezoneId: 'Europe/Rome',
    viewport: { width: 1280, height: 800 },
    trace: 'off',
    launchOptions: { executablePath: await browserPath(), args: browserArgs },
  },
});
