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
