import '../styles/all.css';
import { pageUrl, tValue } from '../lib/i18n.ts';
import { mount } from '../lib/mount.tsx';
import { parameter, safeReturn } from '../lib/navigation.ts';
import { expectSignIn, maybeSignedIn, readSession } from '../lib/session.ts';
import { startPage } from '../lib/shell.ts';
import { SignIn } from '../pages/SignIn.tsx';

await startPage({ chamber: true });
const returnTo = safeReturn(parameter('return'), pageUrl('/area-personale/'));
const error = parameter('errore');

if (!error && maybeSignedIn() && (await alreadyIn())) {
  location.replace(returnTo);
} else {
  mount(<SignIn returnTo={returnTo} error={error ? tValue('signIn.error', error, tValue('signIn.error', 'other')) : undefined} />);
  // A click on a provider is a promise of a session: the next page will ask who is there.
  document.addEventListener('click', (event) => {
    if ((event.target as Element).closest('a[href^="/api/v1/login"]')) expectSignIn();
  });
}

async function alreadyIn(): Promise<boolean> {
  try {
    return (await readSession()) !== null;
  } catch {
    return false;
  }
}
