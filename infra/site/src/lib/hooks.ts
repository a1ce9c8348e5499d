import type { RefCallback } from 'preact';
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { signedOut } from './api.ts';
import { here, loginUrl } from './navigation.ts';

export type Loaded<T> = { state: 'loading' } | { state: 'ready'; value: T } | { state: 'failed'; error: unknown };

/** Reads anew; quietly, when nobody asked for it. */
export type Reload = (quietly?: boolean) => Promise<void>;

/** Reads something once and again on demand; without a session it goes to sign in and comes back here. */
export function useLoaded<T>(read: () => Promise<T>): [Loaded<T>, Reload] {
  const [loaded, setLoaded] = useState<Loaded<T>>({ state: 'loading' });
  const reload = useCallback(async (quietly = false) => {
    try {
      setLoaded({ state: 'ready', value: await read() });
    } catch (error) {
      // What is on the page stays: a failed look in the background must not take it away, nor take the person elsewhere.
      if (signedOut(error)) return quietly ? undefined : location.replace(loginUrl(here()));
      setLoaded((current) => (current.state === 'ready' ? current : { state: 'failed', error }));
    }
  }, []);
  useEffect(() => void reload(), []);
  return [loaded, reload];
}

const POLL_MS = [1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 30_000, 60_000];

/**
 * Looks again by itself while something is on its way, ever more slowly, and gives up after two minutes, until the person comes back
 * to it. Resolves to whether it still looks, and to a way to begin anew.
 */
export function usePolling(waiting: boolean, reload: Reload): [boolean, () => void] {
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!waiting || round >= POLL_MS.length) return;
    const timer = setTimeout(() => void reload(true).finally(() => setRound(round + 1)), POLL_MS[round]);
    return () => clearTimeout(timer);
  }, [waiting, round]);
  const again = (quietly: boolean) => void reload(quietly).finally(() => setRound(0));
  useReturn(() => again(true), waiting);
  return [waiting && round < POLL_MS.length, () => again(false)];
}

/**
 * Looks again when the person comes back to the page, from another tab or with the browser's Back: what was waited for may have come
 * meanwhile, and by another way.
 */
export function useReturn(look: () => void, wanted = true): void {
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    if (!wanted) return;
    const onShow = () => document.visibilityState === 'visible' && latest.current();
    const onBack = (event: PageTransitionEvent) => event.persisted && latest.current();
    document.addEventListener('visibilitychange', onShow);
    addEventListener('pageshow', onBack);
    return () => {
      document.removeEventListener('visibilitychange', onShow);
      removeEventListener('pageshow', onBack);
    };
  }, [wanted]);
}

/** At work until the page is left: a browser that brings it back as it was must not bring back a button that does nothing. */
export function useBusy(): [boolean, (busy: boolean) => void] {
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    const onBack = (event: PageTransitionEvent) => event.persisted && setBusy(false);
    addEventListener('pageshow', onBack);
    return () => removeEventListener('pageshow', onBack);
  }, []);
  return [busy, setBusy];
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
