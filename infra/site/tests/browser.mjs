// The browser of the page tests: the system's Chromium, else the one that comes inside an npm package. Page tests
// are never skipped for want of a browser.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const site = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

export const browserArgs = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

export async function browserPath() {
  if (process.env.CHROMIUM_PATH) return process.env.CHROMIUM_PATH;
  const system = SYSTEM.find((file) => fs.existsSync(file));
  return system ?? unpacked();
}

/**
 * The package unpacks into the temporary folder under a fixed name, whatever its version. It is sent to a folder of
 * its own instead and moved into place only when whole, so that two runs at once, or one that was killed, do no harm.
 */
async function unpacked() {
  const version = JSON.parse(fs.readFileSync(path.join(site, 'node_modules/@sparticuz/chromium/package.json'), 'utf8')).version;
  const home = path.join(site, '.cache', `chromium-${version}`);
  if (!fs.existsSync(home)) {
    fs.mkdirSync(path.dirname(home), { recursive: true });
    const part = fs.mkdtempSync(`${home}-part-`);
    const former = process.env.TMPDIR;
    process.env.TMPDIR = part;
    try {
      const { default: chromium } = await import('@sparticuz/chromium');
      await chromium.executablePath();
    } finally {
      if (former === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = former;
    }
    try {
      fs.renameSync(part, home);
    } catch {
      fs.rmSync(part, { recursive: true, force: true }); // another run was first
    }
  }
  // A machine without any font at all gets the package's own.
  if (!fs.existsSync('/usr/share/fonts') && fs.existsSync(path.join(home, 'fonts'))) process.env.FONTCONFIG_PATH ??= path.join(home, 'fonts');
  return path.join(home, 'chromium');
}

