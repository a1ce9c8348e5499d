// Compiles bi.scss once with the primary colour it is told; runs as a worker so that two compiles share two cores.
import { parentPort, workerData } from 'node:worker_threads';
import * as sass from 'sass';

const { source, loadPath, primary } = workerData;
const [hue, saturation, brightness] = primary;
const variables = `$primary-h: ${hue}; $primary-s: ${saturation}; $primary-b: ${brightness};\n`;
const result = sass.compileString(variables + source, {
  loadPaths: [loadPath],
  style: 'expanded',
  quietDeps: true,
  silenceDeprecations: ['import', 'global-builtin', 'color-functions', 'mixed-decls', 'slash-div', 'if-function'],
  logger: sass.Logger.silent,
});
parentPort.postMessage(result.css);
