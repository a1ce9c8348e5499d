// What must hold before the portal may go to real people. STAGE says where it goes: none for a build on one's own machine, which may be a
// specimen; any stage needs its real address; production takes no example data, whatever else is ready. Run by itself (make deploy) it looks
// at the data alone, since the address is known only once the stack is there.
import { fileURLToPath } from 'node:url';
import { placeholders } from './catalogue.mjs';

/** Why a site may not be built for a stage; empty: it may. */
export function hindrances({ stage, base, examples = placeholders() }) {
  if (!stage) return [];
  return [...withoutAddress(base), ...withExamples(stage, examples)];
}

function withoutAddress(base) {
  if (!base) return ['PORTAL_BASE is missing: the links to the chambers would lead to this machine'];
  return new URL(base).protocol === 'https:' ? [] : [`PORTAL_BASE ${base} is not https`];
}

function withExamples(stage, examples) {
  if (stage !== 'production' || examples.length === 0) return [];
  return [`the catalogue still holds ${examples.length} example values (shared/domain/catalogue/data/chambers, "placeholders"):`, ...examples.map((each) => `  ${each}`)];
}

/** Says what is in the way and ends the program. */
export function insist(stage, found) {
  if (found.length === 0) return;
  console.error(`not for ${stage}:\n${found.join('\n')}`);
  process.exit(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) insist(process.env.STAGE, withExamples(process.env.STAGE, placeholders()));
