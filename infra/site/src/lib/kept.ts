// A text being written on a page that is not a draft: kept in the tab, so that neither a lost network nor an ended
// session loses it.
import { useState } from 'preact/hooks';

export function useKept(key: string): [string, (value: string) => void, () => void] {
  const slot = `testo:${key}`;
  const [value, setValue] = useState(() => sessionStorage.getItem(slot) ?? '');
  const change = (next: string) => {
    setValue(next);
    sessionStorage.setItem(slot, next);
  };
  const clear = () => {
    setValue('');
    sessionStorage.removeItem(slot);
  };
  return [value, change, clear];
}

/** The same for a list, such as the files already sent for an answer that is not given yet. */
export function useKeptList<T>(key: string): [T[], (update: (list: T[]) => T[]) => void] {
  const slot = `elenco:${key}`;
  const [list, setList] = useState<T[]>(() => read(slot));
  const change = (update: (list: T[]) => T[]) =>
    setList((current) => {
      const next = update(current);
      if (next.length > 0) sessionStorage.setItem(slot, JSON.stringify(next));
      else sessionStorage.removeItem(slot);
      return next;
    });
  return [list, change];
}

function read<T>(slot: string): T[] {
  try {
    return JSON.parse(sessionStorage.getItem(slot) ?? '[]');
  } catch {
    return [];
  }
}
