import type { RefCallback } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
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
      // What is on the page stays: a failed look in the background must not take it away.
      setLoaded((current) => (current.state === 'ready' ? current : { state: 'failed', error }));
    }
  }, []);
  useEffect(() => void reload(), []);
  return [loaded, reload];
}

const POLL_MS = [1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];

/**
 * Looks again by itself while something is on its way, ever more slowly, and gives up after two minutes. Resolves to whether it still
 * looks, and to a way to begin anew.
 */
export function usePolling(waiting: boolean, reload: () => Promise<void>): [boolean, () => void] {
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!waiting || round >= POLL_MS.length) return;
    const timer = setTimeout(() => void reload().finally(() => setRound(round + 1)), POLL_MS[round]);
    return () => clearTimeout(timer);
  }, [waiting, round]);
  return [waiting && round < POLL_MS.length, () => void reload().finally(() => setRound(0))];
}

/** A button that gives way to a question, and the other way round: whoever was on the one finds the focus on the other. */
export function useFocusSwap(open: boolean): [RefCallback<HTMLElement>, RefCallback<HTMLElement>] {
  const panel = useRef<HTMLElement | null>(null);
  const opener = useRef<HTMLElement | null>(null);
  const started = useRef(false);
  useEffect(() => {
    if (started.current) (open ? panel : opener).current?.focus();
    started.current = true;
  }, [open]);
  return [(element) => void (panel.current = element), (element) => void (opener.current = element)];
}
