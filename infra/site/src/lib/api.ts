// Calls to the citizen API. Two ways to fail, told apart because the pages act differently on them:
// Problem (the server answered and refused) and Unreachable (no answer, or none that can be trusted).

export interface FieldProblem {
  pointer: string;
  detail: string;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly detail: string,
    readonly errors: FieldProblem[] = [],
    readonly reference = '',
  ) {
    super(`HTTP ${status}`);
  }
}

export class Unreachable extends Error {}

export const signedOut = (error: unknown): boolean => error instanceof Problem && error.status === 401;

interface Options {
  body?: unknown;
  headers?: Record<string, string>;
  /** Lets the request outlive the page; browsers allow 64 KiB for all such bodies together. */
  keepalive?: boolean;
}

const BASE = '/api/v1';
const TIMEOUT_MS = 30_000;
const KEEPALIVE_LIMIT = 60_000;

export async function call<T>(method: string, path: string, options: Options = {}): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json', ...options.headers };
  let body: string | undefined;
  if (options.body !== undefined) {
    headers['content-type'] = 'application/json';
    body = JSON.stringify(options.body);
  }
  // A header that no form of another site can add: the server refuses unsafe methods without it.
  if (method !== 'GET') headers['x-requested-with'] = 'sportello';

  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      body,
      credentials: 'same-origin',
      keepalive: Boolean(options.keepalive) && (body?.length ?? 0) < KEEPALIVE_LIMIT,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Unreachable(`${method} ${path}`);
  }
  if (!response.ok) throw await problemOf(response);
  try {
    const text = await response.text();
    return (text === '' ? undefined : JSON.parse(text)) as T; // 204, and a 201 that has nothing to add
  } catch {
    throw new Unreachable(`${method} ${path}: unreadable answer`);
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = await response.json();
    return new Problem(response.status, body.detail ?? body.title ?? '', body.errors ?? [], body.instance ?? '');
  } catch {
    return new Problem(response.status, '');
  }
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T>(path: string, body: unknown = {}, headers?: Record<string, string>): Promise<T> =>
  call<T>('POST', path, { body, headers });
export const remove = (path: string): Promise<void> => call<void>('DELETE', path);

/** "#/answers/facts" -> "facts"; "#/attachments/evidence" -> "evidence"; anything else -> "". */
export function fieldOf(pointer: string): string {
  const match = /^#?\/(?:answers|attachments)\/([^/]+)/.exec(pointer);
  return match ? match[1].replace(/~1/g, '/').replace(/~0/g, '~') : '';
}
