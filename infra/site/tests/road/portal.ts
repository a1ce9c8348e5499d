// The portal that the road is walked on: the one named by PORTAL_URL and OUTSIDE_URL, or one started for the purpose
// from what was built (.local/bin), on free ports and with data of its own.
import { expect, test as base } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

export interface Portal {
  portal: URL;
  outside: URL;
}

const root = path.resolve(import.meta.dirname, '../../../..');
const START_MS = 120_000;

async function open(): Promise<[Portal, () => Promise<void>]> {
  const { PORTAL_URL, OUTSIDE_URL } = process.env;
  if (PORTAL_URL && OUTSIDE_URL) return [{ portal: new URL(PORTAL_URL), outside: new URL(OUTSIDE_URL) }, async () => undefined];
  const program = path.join(root, '.local/bin/local');
  if (!fs.existsSync(program)) throw new Error('the local cloud is not built (make built), and PORTAL_URL and OUTSIDE_URL name no running one');
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'sportello-road-'));
  const child = spawn(program, ['run', '--root', root, '--no-build', '--free-ports', '--plain', '--data', data], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = async () => {
    await end(child);
    fs.rmSync(data, { recursive: true, force: true });
  };
  try {
    const addresses = await ready(child);
    const hurry = setInterval(() => void pass(addresses.control), 1_000);
    return [
      { portal: new URL(addresses.portal), outside: new URL(addresses.outside) },
      async () => {
        clearInterval(hurry);
        await stop();
      },
    ];
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Lets time pass quicker: what waits for the next minute's sweep need not wait for the machine's. */
async function pass(control: string): Promise<void> {
  await fetch(`${control}/clock`, { method: 'POST', body: JSON.stringify({ advance: '20s' }) }).catch(() => undefined);
}

/** Reads the line that says where everything is; the rest of the output is kept for the message if it never comes. */
function ready(child: ChildProcess): Promise<{ portal: string; outside: string; control: string }> {
  return new Promise((resolve, reject) => {
    const seen: string[] = [];
    const timer = setTimeout(() => reject(new Error(`the local cloud did not start in time\n${seen.slice(-20).join('\n')}`)), START_MS);
    const read = (line: string) => {
      seen.push(line);
      if (!line.startsWith('READY ')) return;
      clearTimeout(timer);
      resolve(JSON.parse(line.slice('READY '.length)));
    };
    createInterface({ input: child.stdout! }).on('line', read);
    createInterface({ input: child.stderr! }).on('line', read);
    child.once('exit', (code) => reject(new Error(`the local cloud ended with ${code}\n${seen.slice(-20).join('\n')}`)));
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

/** The guard of the page tests, for the addresses of a portal: a clean console, and no host but this installation's. */
export const test = base.extend<object, { world: Portal }>({
  world: [
    async ({}, use) => {
      const [world, stop] = await open();
      await use(world);
      await stop();
    },
    { scope: 'worker', timeout: START_MS + 30_000 },
  ],
  page: async ({ page, world }, use) => {
    const errors: string[] = [];
    const strangers: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(`${page.url()}: ${message.text()}`));
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => {
      const url = new URL(request.url());
      const known = [world.portal.hostname, 'localhost', '127.0.0.1'].some((name) => url.hostname === name || url.hostname.endsWith(`.${name}`));
      if (!known && url.protocol !== 'data:') strangers.push(request.url());
    });
    await use(page);
    expect(errors, 'the console is clean').toEqual([]);
    expect(strangers, 'no other host').toEqual([]);
  },
});

export { expect };
