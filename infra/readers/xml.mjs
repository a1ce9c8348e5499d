// node xml.mjs xsd|dtd <file> < document.xml: is it valid? Libxml2 judges, compiled to WebAssembly. What is wrong goes to standard error, exit 1.
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { DtdValidator, ParseOption, XmlDocument, XmlDtd, XsdValidator } from 'libxml2-wasm'
import { xmlRegisterFsInputProviders } from 'libxml2-wasm/lib/nodejs.mjs'

// Schemas are read from their folder, so that one may include another; nothing is read from the network.
xmlRegisterFsInputProviders()
const parse = (bytes, url) => XmlDocument.fromBuffer(bytes, { url, option: ParseOption.XML_PARSE_NONET })

const validators = {
  xsd: (file) => XsdValidator.fromDoc(parse(readFileSync(file), pathToFileURL(file).href)),
  dtd: (file) => new DtdValidator(XmlDtd.fromBuffer(readFileSync(file))),
}

const [kind, file] = process.argv.slice(2)
try {
  validators[kind](file).validate(parse(readFileSync(0)))
} catch (err) {
  console.error(err.details?.length ? err.details.map((d) => `line ${d.line}: ${d.message.trim()}`).join('\n') : err.message)
  process.exitCode = 1
}
