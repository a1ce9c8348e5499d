// node pdf.mjs < file.pdf: its text as pdf.js, the reader of Firefox, finds it, a form feed after each page. What is no PDF is exit 1.
import { readFileSync } from 'node:fs'

// pdf.js makes a matrix for drawing as soon as it is loaded. Text needs none.
globalThis.DOMMatrix ??= class {}
const { getDocument, VerbosityLevel } = await import('pdfjs-dist/legacy/build/pdf.mjs')

const pdf = await getDocument({ data: new Uint8Array(readFileSync(0)), stopAtErrors: true, verbosity: VerbosityLevel.ERRORS }).promise
for (let n = 1; n <= pdf.numPages; n++) {
  const { items } = await (await pdf.getPage(n)).getTextContent()
  process.stdout.write(items.map((item) => item.str + (item.hasEOL ? '\n' : '')).join('') + '\f')
}
await pdf.destroy()
