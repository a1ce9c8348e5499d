// Presenting, once: the key of the attempt is kept until the server has answered it, so that a repeated click, a
// reload or a lost answer cannot present twice.
import { post, Problem } from './api.ts';
import type { Payment, Receipt, State } from './types.ts';

export interface Presented {
  state: State;
  presentedAt: string;
  receipt: Receipt;
  payment?: Payment;
}

type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

// Refusals that settle nothing: the same key is used again.
const UNSETTLED = new Set([401, 408, 409, 425, 429]);

export async function present(id: string, store: Store = sessionStorage): Promise<Presented> {
  const slot = `invio:${id}`;
  const key = store.getItem(slot) ?? crypto.randomUUID();
  store.setItem(slot, key);
  try {
    const answer = await post<Presented>(`/applications/${id}/submission`, {}, { 'idempotency-key': key });
    store.removeItem(slot);
    return answer;
  } catch (error) {
    if (error instanceof Problem && error.status < 500 && !UNSETTLED.has(error.status)) store.removeItem(slot);
    throw error;
  }
}

/**
 * The receipt's data as the server gave them at the moment of presenting, for this tab: the page shows them at once, and
 * also where the case does not carry them. The lasting receipt is the sealed document of the case.
 */
export function keepReceipt(presented: Presented, store: Store = sessionStorage): void {
  store.setItem(`ricevuta:${presented.receipt.application}`, JSON.stringify(presented.receipt));
}

export function keptReceipt(application: string, store: Store = sessionStorage): Receipt | undefined {
  try {
    return JSON.parse(store.getItem(`ricevuta:${application}`) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}
