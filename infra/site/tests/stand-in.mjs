// A stand-in for the portal, for the page tests only: serves dist the way the distribution does (hosts, themes,
// security policy) and answers the citizen API from memory, one world for each session. It holds no rule of its own
// beyond the shapes and refusals the pages must cope with; the real thing is walked by tests/road.
import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readChambers, readForm, readService } from '../scripts/catalogue.mjs';

const dist = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../dist');
const chambers = readChambers().map((chamber) => chamber.id);
const pages = new Set(JSON.parse(fs.readFileSync(path.join(dist, 'pages.json'), 'utf8')));
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json', '.txt': 'text/plain' };

const DAY = 86_400_000;
const worlds = new Map(); // session -> world
const surveys = new Map(); // token -> survey: rating needs no session
const uploads = new Map(); // upload id -> {length, sha256, done}

// ------------------------------------------------------------------------------------------------ site

const policy = (bucket) =>
  ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", "manifest-src 'self'",
    `connect-src 'self' ${bucket}`, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"].join('; ');

function chamberOf(host) {
  const label = host.split('.')[0];
  return chambers.includes(label) ? label : 'default';
}

function serveSite(request, response, bucket) {
  const url = new URL(request.url, 'http://site');
  const chamber = chamberOf(request.headers.host);
  let name = url.pathname;
  let status = 200;
  if (['/theme.css', '/chamber.js', '/logo.svg'].includes(name)) name = `/themes/${chamber}${name}`;
  else if (!path.extname(name)) {
    const page = name.endsWith('/') ? name : `${name}/`;
    if (!pages.has(page)) {
      name = '/404.html';
      status = 404;
    } else if (chamber === 'default' && (page === '/' || page === '/en/')) name = `${page}camere/index.html`;
    else name = `${page}index.html`;
  }
  const file = path.join(dist, path.normalize(name));
  if (!file.startsWith(dist) || !fs.existsSync(file) || fs.statSync(file).isDirectory()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(status, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream', 'content-security-policy': policy(bucket), 'x-content-type-options': 'nosniff' });
  fs.createReadStream(file).pipe(response);
}

// ------------------------------------------------------------------------------------------------ API

class Refusal extends Error {
  constructor(status, detail, errors = []) {
    super(detail);
    Object.assign(this, { status, detail, errors });
  }
}

function newWorld() {
  return {
    person: { givenName: 'Anna', familyName: 'Bianchi', taxCode: 'BNCNNA80A41F205X' },
    profiles: [
      { id: 'p-1', kind: 'person', taxCode: 'BNCNNA80A41F205X', name: 'Anna Bianchi' },
      { id: 'p-2', kind: 'company', taxCode: '12345678903', name: 'Officine Bianchi S.r.l.', role: 'Legale rappresentante', address: { pec: 'officine.bianchi@pec.example.it' } },
    ],
    incomplete: false,
    applications: new Map(),
    timelines: new Map(),
    keys: new Map(),
  };
}

const now = () => new Date().toISOString();

function note(world, id, event, actor, title, extra = {}) {
  world.timelines.get(id).items.push({ at: now(), event, actor, title, ...extra });
}

function find(world, id) {
  const application = world.applications.get(id);
  if (!application) throw new Refusal(404, 'La pratica non esiste.');
  return application;
}

function touch(application) {
  application.version += 1;
  application.updatedAt = now();
}

// Files of a reply are nobody's to see before it is given.
// What the case shows of itself: not the receipt, which is the answer to presenting.
const visible = ({ receipt, ...application }) => ({ ...application, attachments: application.attachments.filter(({ field }) => field !== 'integration').map(({ slot, ...rest }) => rest) });

const routes = [
  ['GET', '/session', (world) => ({ person: world.person, provider: 'spid', level: 2, expiresAt: new Date(Date.now() + 1_800_000).toISOString() })],
  ['GET', '/profiles', (world) => ({ items: world.profiles, ...(world.incomplete ? { incomplete: true } : {}) })],
  ['POST', '/applications', create],
  ['GET', '/applications', list],
  ['GET', '/applications/:id', (world, { id }) => visible(find(world, id))],
  ['PATCH', '/applications/:id', patch],
  ['DELETE', '/applications/:id', discard],
  ['POST', '/applications/:id/attachments', attach],
  ['POST', '/applications/:id/attachments/:aid/completion', complete],
  ['DELETE', '/applications/:id/attachments/:aid', detach],
  ['POST', '/applications/:id/submission', submit],
  ['POST', '/applications/:id/checkout', checkout],
  ['GET', '/applications/:id/timeline', (world, { id }) => (find(world, id), world.timelines.get(id))],
  ['POST', '/applications/:id/messages', message],
  ['POST', '/applications/:id/replies', reply],
  ['POST', '/applications/:id/withdrawal', withdraw],
  ['GET', '/surveys/:token', (world, { token }) => survey(world, token)],
  ['POST', '/surveys/:token', rate],
];

function create(world, _, body) {
  const profile = world.profiles.find((candidate) => candidate.id === body.profile);
  if (!profile || !chambers.includes(body.chamber)) throw new Refusal(422, 'Profilo o Camera non validi.');
  const id = randomUUID();
  const { givenName, familyName, taxCode } = world.person;
  const filer = profile.kind === 'person' ? undefined : { kind: 'person', taxCode, name: `${givenName} ${familyName}` };
  const application = { id, chamber: body.chamber, service: body.service, profile, filer, state: 'draft', version: 1, answers: {}, attachments: [], documents: [], requests: [], mail: [], createdAt: now(), updatedAt: now() };
  world.applications.set(id, application);
  world.timelines.set(id, { items: [], next: [] });
  note(world, id, 'created', 'applicant', 'Bozza creata');
  return [201, application];
}

function list(world, _, __, url) {
  // One profile at a time; without a profile, the person's own.
  const wanted = url.searchParams.get('profile') ?? 'p-1';
  const rows = [...world.applications.values()].filter((application) => application.profile.id === wanted).sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  const start = Number(url.searchParams.get('cursor') ?? 0);
  const items = rows.slice(start, start + 10).map(({ id, chamber, service, profile, state, presentedAt, protocol, updatedAt, createdAt, payment }) => ({ id, chamber, service, profile: { kind: profile.kind, name: profile.name }, state, presentedAt, protocol, updatedAt, createdAt, toPay: state === 'awaiting_payment' ? { amount: payment.amount, due: payment.due } : undefined }));
  return { items, ...(start + 10 < rows.length ? { cursor: String(start + 10) } : {}) };
}

function patch(world, { id }, body, _, headers) {
  const application = find(world, id);
  if (!headers['if-match']) throw new Refusal(428, 'Manca If-Match.');
  if (headers['if-match'] !== `"${application.version}"`) throw new Refusal(412, 'La bozza è stata modificata altrove.');
  application.answers = body.answers;
  touch(application);
  return visible(application);
}

function discard(world, { id }) {
  find(world, id);
  world.applications.delete(id);
  return [204];
}

function attach(world, { id }, body, url, headers, server) {
  const application = find(world, id);
  const slot = randomUUID();
  uploads.set(slot, { length: body.size, sha256: body.sha256, done: false });
  const attachment = { id: randomUUID(), field: body.field, name: body.name, size: body.size, sha256: body.sha256, mediaType: body.mediaType, state: 'pending', slot };
  application.attachments.push(attachment);
  touch(application);
  return [201, { id: attachment.id, upload: { url: `${server.bucket}/uploads/${slot}`, method: 'PUT', headers: { 'content-type': body.mediaType, 'content-length': String(body.size), 'if-none-match': '*', 'x-amz-checksum-sha256': Buffer.from(body.sha256, 'hex').toString('base64') } } }];
}

function complete(world, { id, aid }) {
  const application = find(world, id);
  const attachment = application.attachments.find((candidate) => candidate.id === aid);
  if (!attachment || !uploads.get(attachment.slot).done) throw new Refusal(409, 'Il file non è arrivato.');
  attachment.state = 'complete';
  // Asked again about what nobody could verify, the service that was silent answers.
  if (readForm(application.service)['x-attachments'][attachment.field]?.signed) attachment.signature = signatureOf(world, attachment);
  touch(application);
  return { id: aid, state: 'complete', signature: attachment.signature };
}

// What is found of a signature goes by the file's name.
function signatureOf({ person }, { name, signature: before }) {
  const who = `${person.givenName} ${person.familyName}`;
  const format = name.endsWith('.p7m') ? 'cades' : 'pades';
  const signer = { name: who, taxCode: person.taxCode, issuer: 'Autorità di prova', signedAt: '2026-11-20T09:15:00Z', timestamped: format === 'cades' };
  const found = (verdict, text) => ({ verdict, text, checkedAt: now(), format, signers: [{ ...signer, verdict, text }] });
  if (name.includes('non-firmato')) return { verdict: 'invalid', text: 'Il file non contiene alcuna firma. Firma il documento e carica il file firmato.', checkedAt: now(), format: 'none', signers: [] };
  if (name.includes('scaduto')) return found('invalid', `La firma di ${who} non è valida: il certificato è scaduto il 3 marzo 2026, prima della firma. Firma di nuovo il documento con un certificato di firma valido e carica il nuovo file.`);
  if (name.includes('altri')) Object.assign(signer, { name: 'Sofia Conti', taxCode: 'CNTSFO91L65A794B' });
  if (name.includes('muto') && !before) return found('indeterminate', `La firma di ${who} non è verificabile ora: il servizio che dice se il certificato è revocato non risponde. Non devi fare nulla: la verifica sarà ripetuta.`);
  return found('valid', `La firma di ${who} è valida: il documento non è cambiato e il certificato valeva al momento della firma.`);
}

function checkout(world, { id }, _, __, ___, server) {
  const application = find(world, id);
  if (application.state !== 'awaiting_payment') throw new Refusal(409, 'Questa pratica non è in attesa di pagamento.');
  if (world.instituteDown) throw new Refusal(503, 'L’istituto di pagamento non risponde. Riprova tra qualche minuto, oppure paga con il numero di avviso.');
  return [201, { url: world.checkout ?? `${server.bucket}/paga/?id=${id}&back=${encodeURIComponent(server.origin)}` }];
}

function detach(world, { id, aid }) {
  const application = find(world, id);
  application.attachments = application.attachments.filter((candidate) => candidate.id !== aid);
  touch(application);
  return [204];
}

function submit(world, { id }, _, __, headers) {
  const key = headers['idempotency-key'];
  if (!key) throw new Refusal(400, 'Manca Idempotency-Key.');
  if (world.keys.has(key)) return world.keys.get(key);
  const application = find(world, id);
  if (application.state !== 'draft') throw new Refusal(409, 'La pratica è già stata presentata.');
  if (application.attachments.some(({ state }) => state === 'pending')) throw new Refusal(422, 'Un file non è arrivato.', [{ pointer: '#/attachments/evidence', detail: 'Un file non è arrivato per intero.' }]);
  const missing = readForm(application.service).required.filter((field) => !(field in application.answers));
  if (missing.length > 0) throw new Refusal(422, 'Mancano dei dati.', missing.map((field) => ({ pointer: `#/answers/${field}`, detail: 'Campo obbligatorio mancante.' })));
  const strangers = application.attachments.filter(({ signature }) => signature?.signers.some(({ taxCode }) => taxCode !== world.person.taxCode));
  if (strangers.length > 0) throw new Refusal(422, 'Un documento non è firmato come serve.', [{ pointer: '#/attachments/list', detail: `Il documento è firmato da ${strangers[0].signature.signers[0].name}, che non rappresenta l'impresa.` }]);
  const service = readService(application.service);
  const chamber = readChambers().find((candidate) => candidate.id === application.chamber);
  const office = chamber.offices.find(({ services }) => services.includes(application.service));
  const bought = service.cost.kind === 'act';
  application.state = bought ? 'awaiting_payment' : 'presented';
  application.presentedAt = now();
  application.deadline = { due: new Date(Date.now() + chamber.services[application.service].termDays * DAY).toISOString().slice(0, 10), suspended: false };
  application.receipt = {
    id: `R-${id.slice(0, 8)}`, application: id, presentedAt: application.presentedAt, subject: service.title,
    digest: createHash('sha256').update(JSON.stringify(application.answers)).digest('hex'),
    attachments: application.attachments.map(({ name, sha256 }) => ({ name, sha256 })),
    office: office.name, responsible: office.responsible.name, substitute: office.substitute.name,
    due: application.deadline.due, silence: service.silence.text, remedies: service.remedies, access: service.access,
  };
  application.documents.push({ id: 'd-1', kind: 'application', name: 'pratica.json', mediaType: 'application/json', size: 2048, sha256: application.receipt.digest, at: now() });
  touch(application);
  note(world, id, 'submitted', 'applicant', 'Istanza presentata', { document: 'd-1' });
  if (bought) application.payment = { state: 'requested', amount: service.cost.cents, noticeNumber: '301234567890123456', iuv: '01234567890123456', due: new Date(Date.now() + 15 * DAY).toISOString().slice(0, 10) };
  const answer = { state: application.state, presentedAt: application.presentedAt, receipt: application.receipt, payment: application.payment };
  world.keys.set(key, answer);
  return answer;
}

function message(world, { id }, body) {
  if (find(world, id).state === 'awaiting_payment') throw new Refusal(409, "L'istanza non è stata pagata.");
  note(world, id, 'message', 'applicant', body.formal ? 'Dichiarazione formale' : 'Messaggio', { text: body.text });
  return [201, { id: randomUUID(), at: now() }];
}

function reply(world, { id }, body) {
  const application = find(world, id);
  const request = application.requests.find((candidate) => candidate.id === body.request && !candidate.answered);
  if (!request) throw new Refusal(409, 'La richiesta è già stata evasa.');
  request.answered = true;
  for (const attachment of application.attachments) if (body.attachments?.includes(attachment.id)) attachment.field = 'reply';
  application.state = 'in_progress';
  application.deadline.suspended = false;
  touch(application);
  note(world, id, 'integration_received', 'applicant', 'Integrazione ricevuta', { text: body.text });
  return [201, { id: randomUUID() }];
}

function withdraw(world, { id }, body) {
  const application = find(world, id);
  application.state = 'withdrawn';
  touch(application);
  note(world, id, 'withdrawn', 'applicant', 'Rinuncia alla pratica', { text: body.reason });
  return visible(application);
}

function survey(_, token) {
  const found = surveys.get(token);
  if (!found) throw new Refusal(404, 'Valutazione non trovata.');
  return found;
}

function rate(world, { token }, body) {
  const found = survey(world, token);
  if (found.rated) throw new Refusal(409, 'Hai già valutato.');
  if (!(body.rating >= 1 && body.rating <= 5)) throw new Refusal(422, 'Voto non valido.');
  found.rated = true;
  return [201];
}

// What the office does, for the tests to ask for: POST /__office/<verb> {application, …}
const office = {
  register(world, { application: id }) {
    const application = find(world, id);
    application.state = 'registered';
    application.protocol = { number: '0000042', year: 2026, date: application.presentedAt.slice(0, 10) };
    application.mail = [{ kind: 'acknowledgement', state: 'delivered', at: now() }];
    application.documents.push({ id: 'd-r', kind: 'receipt', name: 'ricevuta.pdf', mediaType: 'application/pdf', size: 34_000, sha256: '00', at: now() });
    note(world, id, 'registered', 'system', 'Istanza registrata al protocollo', { text: 'Protocollo n. 0000042 del 5/10/2026' });
    note(world, id, 'receipt_issued', 'system', 'Ricevuta disponibile', { document: 'd-r' });
  },
  charge(world, { application: id }) {
    const application = find(world, id);
    application.state = 'in_progress';
    application.officer = { name: 'Carla Verdi' };
    note(world, id, 'taken_in_charge', 'office', "Presa in carico dall'ufficio");
    note(world, id, 'message', 'office', 'Messaggio dell’ufficio', { text: 'Buongiorno, stiamo verificando i fatti.' });
  },
  integration(world, { application: id }) {
    const application = find(world, id);
    application.state = 'awaiting_integration';
    application.deadline.suspended = true;
    application.requests.push({ id: 'req-1', kind: 'integration', text: 'Serve una copia della ricevuta consegnata allo sportello.', due: new Date(Date.now() + 10 * DAY).toISOString().slice(0, 10), answered: false });
    note(world, id, 'integration_requested', 'office', "L'ufficio chiede un'integrazione", { text: 'Serve una copia della ricevuta.' });
    world.timelines.get(id).next = [{ title: "La tua risposta alla richiesta dell'ufficio", due: new Date(Date.now() + 10 * DAY).toISOString().slice(0, 10) }];
  },
  decide(world, { application: id }) {
    const application = find(world, id);
    application.state = 'decided';
    application.outcome = { kind: 'founded', text: 'Il reclamo è fondato: la pratica è stata lavorata e la ricevuta è allegata.', at: now(), document: 'd-2' };
    application.documents.push({ id: 'd-2', kind: 'outcome', name: 'risposta.pdf', mediaType: 'application/pdf', size: 52_000, sha256: '00', at: now() });
    application.survey = { token: `s-${id}`, rated: false };
    surveys.set(`s-${id}`, { chamber: application.chamber, service: application.service, decidedAt: now(), rated: false });
    note(world, id, 'decided', 'office', 'Decisione', { text: 'Reclamo fondato', document: 'd-2' });
    world.timelines.get(id).next = [];
  },
  // The institute's notice has come: only now it is paid.
  pay(world, { application: id }) {
    const application = find(world, id);
    Object.assign(application, { state: 'presented', payment: { ...application.payment, state: 'paid', paidAt: now(), receiptId: 'RPT-2026-000123' } });
    note(world, id, 'paid', 'system', 'Pagamento ricevuto', { text: '3,00 €' });
  },
  payment(world, { application: id, state, as }) {
    const application = find(world, id);
    Object.assign(application, { state: as ?? application.state, payment: { ...application.payment, state } });
  },
  institute(world, { down, url }) {
    Object.assign(world, { instituteDown: down, checkout: url });
  },
  evidence(world, { application: id }) {
    find(world, id).evidence = true;
  },
  alone(world) {
    world.profiles = world.profiles.filter(({ kind }) => kind === 'person');
  },
  close(world, { application: id }) {
    find(world, id).state = 'closed';
  },
  // A version of the draft written from another tab or device.
  elsewhere(world, { application: id, answers }) {
    const application = find(world, id);
    application.answers = { ...application.answers, ...answers };
    touch(application);
  },
  incomplete(world) {
    world.incomplete = true;
  },
  expire() {
    return 'expire';
  },
};

function match(method, pathname) {
  for (const [verb, pattern, handler] of routes) {
    if (verb !== method) continue;
    const expression = new RegExp(`^${pattern.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`);
    const found = expression.exec(pathname);
    if (found) return [handler, found.groups ?? {}];
  }
  return null;
}

async function serveApi(request, response, server) {
  const url = new URL(request.url, 'http://site');
  const session = /(?:^|; )session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
  const world = session && worlds.get(session);
  const send = (status, body, headers = {}) => {
    response.writeHead(status, { 'content-type': status >= 400 ? 'application/problem+json' : 'application/json', 'cache-control': 'no-store', ...headers });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  };
  const refuse = ({ status, detail, errors = [] }) => send(status, { type: 'about:blank', title: 'Rifiutata', status, detail, errors, instance: `req-${randomUUID().slice(0, 8)}` });

  if (url.pathname === '/api/v1/login') {
    const id = randomUUID();
    worlds.set(id, newWorld());
    if (session && worlds.has(session)) worlds.set(id, worlds.get(session));
    // The same person comes back to the same cases after an expired session.
    const former = /(?:^|; )former=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    if (former && worlds.has(former)) worlds.set(id, worlds.get(former));
    response.writeHead(302, { location: url.searchParams.get('return') ?? '/', 'set-cookie': `session=${id}; Path=/; HttpOnly; SameSite=Lax` }).end();
    return;
  }
  const body = await readBody(request);
  if (url.pathname.startsWith('/__office/')) {
    const verb = url.pathname.slice('/__office/'.length);
    const parsed = JSON.parse(body.toString() || '{}');
    const result = office[verb](world, parsed);
    const expired = result === 'expire' ? { 'set-cookie': [`session=gone; Path=/; HttpOnly`, `former=${session}; Path=/`] } : {};
    send(200, {}, expired);
    return;
  }
  const pathname = url.pathname.slice('/api/v1'.length);
  if (!world && !pathname.startsWith('/surveys/')) return refuse(new Refusal(401, 'La sessione è scaduta: accedi di nuovo.'));
  if (request.method !== 'GET' && request.headers['x-requested-with'] !== 'sportello') return refuse(new Refusal(403, 'Richiesta non ammessa.'));
  if (pathname === '/logout') {
    worlds.delete(session);
    return send(204, undefined, { 'set-cookie': 'session=; Path=/; Max-Age=0' });
  }
  const found = match(request.method, pathname);
  if (!found) return refuse(new Refusal(404, 'Indirizzo sconosciuto.'));
  try {
    const result = found[0](world, found[1], body.length > 0 ? JSON.parse(body.toString()) : undefined, url, request.headers, server);
    const [status, answer] = Array.isArray(result) ? result : [200, result];
    send(status, answer, answer?.version ? { etag: `"${answer.version}"` } : {});
  } catch (error) {
    if (error instanceof Refusal) refuse(error);
    else refuse(new Refusal(500, ''));
    if (!(error instanceof Refusal)) console.error(error);
  }
}

function readBody(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => resolve(Buffer.concat(parts)));
    request.on('error', reject);
  });
}

// ------------------------------------------------------------------------------------------------ bucket, on its own origin

/** The payment institute's page, on the same foreign origin: three ways back, and none of them proves anything. */
function servePayment(request, response) {
  const { searchParams } = new URL(request.url, 'http://paga');
  const link = (outcome, text) => `<p><a href="${searchParams.get('back')}/pagamento/?id=${searchParams.get('id')}&amp;esito=${outcome}">${text}</a></p>`;
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
  response.end(`<!doctype html><html lang="it"><head><title>Istituto di pagamento</title><link rel="icon" href="data:,"></head><body><h1>Istituto di pagamento</h1>${link('ok', 'Paga')}${link('annullato', 'Annulla')}${link('errore', 'Carta rifiutata')}</body></html>`);
}

async function serveBucket(request, response) {
  const cors = { 'access-control-allow-origin': request.headers.origin ?? '*', 'access-control-allow-methods': 'PUT', 'access-control-allow-headers': 'content-type,if-none-match,x-amz-checksum-sha256', 'access-control-expose-headers': 'etag' };
  if (request.method === 'OPTIONS') {
    response.writeHead(204, cors).end();
    return;
  }
  if (request.url.startsWith('/paga/')) return servePayment(request, response);
  const upload = uploads.get(request.url.slice('/uploads/'.length));
  const body = await readBody(request);
  const digest = createHash('sha256').update(body).digest('hex');
  let status = 200;
  if (!upload) status = 403;
  else if (upload.done) status = 412;
  else if (body.length !== upload.length || digest !== upload.sha256) status = 400;
  else upload.done = true;
  response.writeHead(status, cors).end();
}

/** Starts both on free or given ports; resolves to their addresses. */
export async function startStandIn(port = 0) {
  const bucketServer = http.createServer((request, response) => void serveBucket(request, response));
  await new Promise((ready) => bucketServer.listen(0, '127.0.0.1', ready));
  const bucket = `http://127.0.0.1:${bucketServer.address().port}`;
  const site = http.createServer((request, response) => {
    if (/^\/(api\/v1|__office)\//.test(request.url)) void serveApi(request, response, { bucket, origin: `http://${request.headers.host}` });
    else serveSite(request, response, bucket);
  });
  await new Promise((ready) => site.listen(port, '127.0.0.1', ready));
  return { port: site.address().port, bucket, stop: () => { site.close(); bucketServer.close(); } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = await startStandIn(Number(process.env.STAND_IN_PORT ?? 4480));
  console.log(`http://milano.localhost:${started.port}/  uploads at ${started.bucket}`);
}
