// The shapes of the citizen API, as the pages use them.

export type Answers = Record<string, string | boolean>;

export type State =
  | 'draft' | 'awaiting_payment' | 'presented' | 'registered' | 'in_progress' | 'awaiting_integration'
  | 'awaiting_third_parties' | 'refusal_notice' | 'decided' | 'closed' | 'preserved' | 'withdrawn' | 'expired' | 'transferred';

export interface Session {
  person: { givenName: string; familyName: string; taxCode: string };
  provider: string;
  level: number;
  expiresAt: string;
}

export interface Profile {
  id: string;
  kind: 'person' | 'company' | 'delegation';
  taxCode: string;
  name: string;
  role?: string;
  address?: { pec?: string };
}

export interface Attachment {
  id: string;
  field: string;
  name: string;
  size: number;
  sha256?: string;
  mediaType: string;
  state: 'pending' | 'complete';
  /** Where the form wants a signed file; sentences are in Italian. */
  signature?: Signature;
}

/** Indeterminate: a service that must be asked did not answer. It is never valid before it does. */
export type Verdict = 'valid' | 'invalid' | 'indeterminate';

export interface Signature {
  verdict: Verdict;
  text: string;
  checkedAt: string;
  format: 'cades' | 'pades' | 'none';
  signers: Signer[];
}

export interface Signer {
  name: string;
  taxCode?: string;
  issuer?: string;
  verdict: Verdict;
  text: string;
  signedAt?: string;
  /** The instant is proven by a timestamp; otherwise it is what the signer's machine said. */
  timestamped: boolean;
}

export interface Payment {
  state: 'requested' | 'paid' | 'expired' | 'refunding' | 'refunded';
  /** Euro cents. */
  amount: number;
  noticeNumber: string;
  iuv?: string;
  due: string;
  paidAt?: string;
  receiptId?: string;
}

/** What a service costs; one that buys the act is paid for before the act is done. */
export interface Cost {
  kind: 'free' | 'fee' | 'act';
  cents: number;
  text: string;
}

/** A service as the pages about a person's affairs know it. */
export interface NamedService {
  id: string;
  title: string;
  profiles: string[];
  cost: Cost;
  outcomes: { id: string; title: string }[];
}

export interface CaseDocument {
  id: string;
  kind: string;
  name: string;
  mediaType: string;
  size: number;
  sha256?: string;
  at: string;
  protocol?: Protocol;
  signature?: Signature;
}

export interface IntegrationRequest {
  id: string;
  kind: string;
  text: string;
  due: string;
  answered?: boolean;
  lapsed?: boolean;
}

export interface Receipt {
  id: string;
  application: string;
  presentedAt: string;
  subject: string;
  digest: string;
  attachments?: { name: string; sha256: string }[];
  office?: string | Named;
  responsible?: string | Named;
  substitute?: string | Named;
  due?: string;
  silence?: string;
  remedies?: string;
  access?: string;
}

export interface Named {
  name?: string;
  role?: string;
  pec?: string;
}

export interface Protocol {
  number: string;
  year: number;
  date: string;
  /** The number of the protocol that the chamber keeps itself, once it has given it. */
  external?: { number: string; year: number; date: string };
}

export interface Application {
  id: string;
  chamber: string;
  service: string;
  profile: { id?: string; kind: string; taxCode: string; name: string };
  /** Who wrote it, when that is somebody else than the profile. */
  filer?: { taxCode: string; name: string };
  state: State;
  version: number;
  answers: Answers;
  attachments?: Attachment[];
  createdAt: string;
  updatedAt: string;
  /** When a draft is deleted. */
  expiresAt?: string;
  presentedAt?: string;
  receipt?: Receipt;
  protocol?: Protocol;
  deadline?: { due?: string; suspended?: boolean };
  officer?: { name?: string };
  outcome?: { kind: string; label?: string; text?: string; at: string; document?: string };
  documents?: CaseDocument[];
  requests?: IntegrationRequest[];
  survey?: { token?: string; rated?: boolean };
  mail?: { kind: string; state: string; at: string }[];
  payment?: Payment;
  /** There is a file of evidence to take away. */
  evidence?: boolean;
}

export interface ApplicationRow {
  id: string;
  chamber: string;
  service: string;
  profile: { kind: string; name: string };
  state: State;
  expiresAt?: string;
  presentedAt?: string;
  protocol?: Protocol;
  updatedAt: string;
  createdAt: string;
  /** While it waits for its payment. */
  toPay?: Pick<Payment, 'amount' | 'due'>;
}

export interface TimelineItem {
  at: string;
  event: string;
  actor: string;
  title: string;
  text?: string;
  document?: string;
}

export interface Timeline {
  items: TimelineItem[];
  next?: { title: string; due?: string }[];
}

export interface Survey {
  chamber: string;
  service: string;
  decidedAt?: string;
  rated?: boolean;
}

export interface List<T> {
  items: T[];
  cursor?: string;
  incomplete?: boolean;
}
