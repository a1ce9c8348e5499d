// node smime.mjs <ca.pem> < message.eml: is the message signed, unchanged, by whom the authority vouches for? PKI.js judges. If not, exit 1.
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Certificate, ContentInfo, SignedData } from 'pkijs'

const emailProtection = '1.3.6.1.5.5.7.3.4'

// buffer is an ArrayBuffer of its own, as PKI.js asks for.
const buffer = (bytes) => new Uint8Array(bytes).buffer

// field reads one header, unfolded. Latin-1 keeps every byte as it is.
function field(part, name) {
  const header = part.slice(0, part.indexOf('\r\n\r\n') + 2).replace(/\r\n[ \t]+/g, ' ')
  return new RegExp(`^${name}:(.*)$`, 'im').exec(header)?.[1].trim() ?? ''
}

// split finds what is signed and its signature, as RFC 1847 has them: the line break before a delimiter belongs to the delimiter.
function split(message) {
  const type = field(message, 'Content-Type')
  const boundary = /boundary="?([^";]+)"?/i.exec(type)?.[1]
  if (!/^multipart\/signed\b/i.test(type) || !boundary) throw new Error(`not a signed message: ${type}`)
  const [, ...parts] = message.split(`\r\n--${boundary}`)
  if (parts.length !== 3 || !parts[2].startsWith('--')) throw new Error(`${parts.length} delimiters where three belong`)
  const [content, signature] = parts.map((part) => part.slice(part.indexOf('\r\n') + 2))
  if (!/^application\/(x-)?pkcs7-signature\b/i.test(field(signature, 'Content-Type'))) throw new Error('the second part is no signature')
  return { content, der: Buffer.from(signature.slice(signature.indexOf('\r\n\r\n')), 'base64') }
}

async function verify(message, authority) {
  const { content, der } = split(message)
  const signed = new SignedData({ schema: ContentInfo.fromBER(buffer(der)).content })
  const { signatureVerified, signerCertificateVerified, signerCertificate } = await signed.verify({
    signer: 0, data: buffer(Buffer.from(content, 'latin1')), trustedCerts: [Certificate.fromBER(buffer(authority.raw))],
    checkChain: true, passedWhenNotRevValues: true, extendedMode: true,
  })
  if (!signatureVerified || !signerCertificateVerified) throw new Error('the signature does not hold')
  const signer = new X509Certificate(Buffer.from(signerCertificate.toSchema().toBER()))
  if (!signer.keyUsage?.includes(emailProtection)) throw new Error('the certificate is not for mail')
  const from = /([^<>\s]+@[^<>\s]+)>?$/.exec(field(message, 'From'))?.[1]
  if (!from || !signer.checkEmail(from)) throw new Error(`the certificate is not of ${from}`)
}

try {
  await verify(readFileSync(0).toString('latin1'), new X509Certificate(readFileSync(process.argv[2])))
} catch (err) {
  console.error(err.message)
  process.exitCode = 1
}
