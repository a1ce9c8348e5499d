// Cuts the icons the pages use out of Bootstrap Italia's sprite (32 kB gzipped) into public/icons.svg.
import fs from 'node:fs';
import path from 'node:path';

export function buildSprite(site) {
  const all = fs.readFileSync(path.join(site, 'node_modules/bootstrap-italia/dist/svg/sprites.svg'), 'utf8');
  const names = new Set(sources(path.join(site, 'src')).flatMap((file) => fs.readFileSync(file, 'utf8').match(/\bit-[a-z-]+(?=')|\bit-[a-z-]+(?=")/g) ?? []));
  const symbols = [...names].sort().flatMap((name) => new RegExp(`<symbol id="${name}"[\\s\\S]*?</symbol>`).exec(all)?.[0] ?? []);
  fs.writeFileSync(path.join(site, 'public/icons.svg'), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>\n`);
  return symbols.length;
}

function sources(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return sources(name);
    return /\.tsx?$/.test(entry.name) ? [name] : [];
  });
}
