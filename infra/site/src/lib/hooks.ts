import { useCallback, useEffect, useState } from 'preact/hooks';
import { signedOut } from './api.ts';
import { here, loginUrl } from './navigation.ts';

export type Loaded<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: unknown };

/** Reads something once and again on demand; without a session it goes to sign in and comes back here. */
export function useLoaded<T>(read: () => Promise<T>): [Loaded<T>, () => Promise<void>] {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' });
  const reload = useCallback(async () => {
    try {
      setLoaded({ state: 'ready', value: await read() });
    } catch (error) {
      if (signedOut(error)) return location.replace(loginUrl(here()));
      setLoaded({ state: 'failed', error });
    }
  }, []);
  useEffect(() => void reload(), []);
  return [loaded, reload];
}
