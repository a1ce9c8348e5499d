// A person's cases: their own and those of the companies they represent. The API lists one profile at a time.
import { get } from './api.ts';
import type { ApplicationRow, List, Profile } from './types.ts';

export interface Page {
  rows: ApplicationRow[];
  /** What is still to be read: one place for each profile that has more. */
  rest: Place[];
}

interface Place {
  profile: string;
  cursor?: string;
}

export async function firstCases(): Promise<Page> {
  const profiles = await get<List<Profile>>('/profiles');
  return moreCases(profiles.items.map((profile) => ({ profile: profile.id })));
}

export async function moreCases(places: Place[]): Promise<Page> {
  const pages = await Promise.all(places.map(read));
  return {
    rows: pages.flatMap((page) => page.items).sort(newestFirst),
    rest: pages.flatMap((page, at) => (page.cursor ? [{ profile: places[at].profile, cursor: page.cursor }] : [])),
  };
}

function read({ profile, cursor }: Place): Promise<List<ApplicationRow>> {
  const query = new URLSearchParams({ profile });
  if (cursor) query.set('cursor', cursor);
  return get<List<ApplicationRow>>(`/applications?${query}`);
}

/** What is to be paid comes first, by its last day: after that the application is lost. Then the newest. */
export function mostPressing(a: ApplicationRow, b: ApplicationRow): number {
  const unpaid = (row: ApplicationRow) => row.state === 'awaiting_payment';
  if (unpaid(a) !== unpaid(b)) return unpaid(a) ? -1 : 1;
  const [first, second] = [a.toPay?.due ?? '', b.toPay?.due ?? ''];
  return unpaid(a) && first !== second ? (first < second ? -1 : 1) : newestFirst(a, b);
}

export const newestFirst = (a: ApplicationRow, b: ApplicationRow): number => (a.updatedAt < b.updatedAt ? 1 : -1);
