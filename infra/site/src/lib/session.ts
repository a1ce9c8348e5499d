// Who is signed in. A mark in this browser (no personal data) tells whether asking is worth while: a question that
// is sure to be answered 401 would only fill the console.
import { call, get, signedOut } from './api.ts';
import type { Session } from './types.ts';

const MARK = 'sportello:accesso';

export const maybeSignedIn = (): boolean => localStorage.getItem(MARK) === '1';

export function expectSignIn(): void {
  localStorage.setItem(MARK, '1');
}

export async function readSession(): Promise<Session | null> {
  try {
    const session = await get<Session>('/session');
    localStorage.setItem(MARK, '1');
    return session;
  } catch (error) {
    if (signedOut(error)) {
      localStorage.removeItem(MARK);
      return null;
    }
    throw error;
  }
}

/** Told to the page when the person leaves: what writes to the tab's storage must stop, or it would come back. */
export const SIGNED_OUT = 'sportello:uscita';

/** Ends the session here and on the server; nothing the person wrote stays in the tab. */
export async function signOut(): Promise<void> {
  await call<void>('POST', '/logout', { body: {} });
  localStorage.removeItem(MARK);
  dispatchEvent(new Event(SIGNED_OUT));
  sessionStorage.clear();
}
