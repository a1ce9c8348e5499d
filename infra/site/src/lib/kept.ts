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
