// What every page does besides its own work: shows who is signed in, lets them out, keeps the language link on the
// same case. Plain DOM: the frame of the page is not drawn again in the browser.
import { currentChamber } from './chamber.ts';
import { loadTexts, pageUrl, t } from './i18n.ts';
import { maybeSignedIn, readSession, signOut } from './session.ts';
import type { Session } from './types.ts';

/** Pages about a person's affairs exist only on a chamber's host: sessions and cases belong there. */
export async function startPage(needs: { chamber?: boolean } = {}): Promise<void> {
  await loadTexts();
  if (needs.chamber && !currentChamber()) {
    location.replace(pageUrl('/camere/'));
    return new Promise(() => undefined); // the page is leaving
  }
  keepQuery();
  void showSession();
}

function keepQuery(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-keep-query]')) link.search = location.search;
}

async function showSession(): Promise<void> {
  const place = document.getElementById('accesso-utente');
  if (!place || !maybeSignedIn()) return;
  try {
    const session = await readSession();
    if (session) drawSession(place, session);
  } catch {
    // Who is signed in is only shown; the page's own calls say what is wrong.
  }
}

function drawSession(place: HTMLElement, session: Session): void {
  const name = document.createElement('a');
  name.href = pageUrl('/area-personale/');
  name.className = 'sv-user-name';
  name.textContent = `${session.person.givenName} ${session.person.familyName}`;
  const out = document.createElement('button');
  out.type = 'button';
  out.className = 'btn btn-sm sv-access';
  out.textContent = t('layout.signOut');
  out.addEventListener('click', () => void leave(out));
  place.replaceChildren(name, out);
}

async function leave(button: HTMLButtonElement): Promise<void> {
  button.disabled = true;
  try {
    await signOut();
    location.assign(pageUrl('/'));
  } catch {
    button.disabled = false;
    button.textContent = t('layout.signOutFailed');
  }
}
