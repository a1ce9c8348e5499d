// The chamber of this host, set by /chamber.js before any other script; null on the bare host.

export interface Chamber {
  id: string;
  name: string;
  nameEn: string;
  shortName: string;
  provinces: string[];
  pec: string;
  hosts: string[];
  services: Record<string, { active: boolean; termDays?: number }>;
}

declare global {
  interface Window {
    CHAMBER?: Chamber | null;
  }
}

export const currentChamber = (): Chamber | null => window.CHAMBER ?? null;

/** The installation's domain with its port: the host without the chamber's label. */
export function baseHost(host: string, labels: string[]): string {
  const [first, ...rest] = host.split('.');
  return rest.length > 0 && labels.includes(first) ? rest.join('.') : host;
}
