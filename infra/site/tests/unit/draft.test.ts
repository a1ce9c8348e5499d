import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Problem, Unreachable } from '../../src/lib/api.ts';
import { Draft, LocalCopy, type SaveState } from '../../src/lib/draft.ts';
import type { Answers, Application } from '../../src/lib/types.ts';

/** A server that keeps one draft, and can be told to fail in the ways that matter. */
class Server {
  version = 1;
  answers: Answers = {};
  saves: Answers[] = [];
  failures: ('offline' | 'lost' | number)[] = [];
  gate: Promise<void> = Promise.resolve();

  application(): Application {
    return { id: 'a', chamber: 'milano', service: 'reclami', profile: { kind: 'person', taxCode: '', name: '' }, state: 'draft', version: this.version, answers: this.answers, createdAt: '', updatedAt: '' };
  }

  async save(answers: Answers, version: number): Promise<Application> {
    await this.gate;
    const failure = this.failures.shift();
    if (failure === 'offline') throw new Unreachable('');
    if (typeof failure === 'number') throw new Problem(failure, 'detail');
    if (version !== this.version) throw new Problem(412, 'version');
    this.saves.push(answers);
    this.answers = answers;
    this.version += 1;
    if (failure === 'lost') throw new Unreachable('');
    return this.application();
  }
}

class Store {
  private readonly data = new Map<string, string>();
  getItem = (key: string) => this.data.get(key) ?? null;
  setItem = (key: string, value: string) => void this.data.set(key, value);
  removeItem = (key: string) => void this.data.delete(key);
  get size() {
    return this.data.size;
  }
}

let server: Server;
let store: Store;
let states: SaveState[];

function open(): Draft {
  return new Draft(
    server.application(),
    { save: (answers, version) => server.save(answers, version), load: async () => server.application(), copy: new LocalCopy('a', store), now: () => new Date(0) },
    (state) => states.push(state),
  );
}

const kinds = () => states.map((state) => state.kind);
const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  server = new Server();
  store = new Store();
  states = [];
});
afterEach(() => void vi.useRealTimers());

describe('draft', () => {
  it('saves once typing pauses and says so only then', async () => {
    const draft = open();
    draft.change({ facts: 'a' });
    draft.change({ facts: 'ab' });
    expect(kinds()).toEqual(['saving', 'saving']);
    expect(store.size).toBe(1); // in this tab at once
    await settle(599);
    expect(server.saves).toEqual([]);
    await settle(1);
    expect(server.saves).toEqual([{ facts: 'ab' }]);
    expect(states.at(-1)).toEqual({ kind: 'saved', at: new Date(0) });
    expect(store.size).toBe(0);
  });

  it('is never "saved" while something newer is unsaved', async () => {
    let answer = () => {};
    server.gate = new Promise((resolve) => (answer = resolve));
    const draft = open();
    draft.change({ facts: 'a' });
    const first = draft.flush();
    await settle();
    draft.change({ facts: 'ab' }); // while the save is on its way
    answer();
    await first;
    expect(server.answers).toEqual({ facts: 'a' });
    expect(kinds()).not.toContain('saved');
    await settle(600);
    expect(server.answers).toEqual({ facts: 'ab' });
    expect(states.at(-1)?.kind).toBe('saved');
  });

  it('keeps the text and tries again when there is no network', async () => {
    server.failures = ['offline', 'offline'];
    const draft = open();
    draft.change({ facts: 'a' });
    await settle(600);
    expect(states.at(-1)?.kind).toBe('unsaved');
    expect(store.size).toBe(1);
    await settle(2_000);
    expect(states.at(-1)?.kind).toBe('unsaved');
    await settle(5_000);
    expect(server.answers).toEqual({ facts: 'a' });
    expect(states.at(-1)?.kind).toBe('saved');
  });

  it('recognises its own save whose answer was lost', async () => {
    server.failures = ['lost'];
    const draft = open();
    draft.change({ facts: 'a' });
    await settle(600);
    await settle(2_000); // the retry meets 412 and finds its own answers
    expect(states.at(-1)?.kind).toBe('saved');
    expect(server.saves).toHaveLength(1);
    expect(kinds()).not.toContain('conflict');
  });

  it('does not repeat what the server refuses for good', async () => {
    server.failures = [422];
    const draft = open();
    draft.change({ facts: 'a' });
    await settle(600);
    expect(states.at(-1)).toEqual({ kind: 'unsaved', detail: 'detail' });
    await settle(60_000);
    expect(server.saves).toEqual([]);
  });

  it('tells of another writer and lets the person choose', async () => {
    const draft = open();
    server.answers = { facts: 'theirs' };
    server.version = 7;
    draft.change({ facts: 'mine' });
    await settle(600);
    expect(states.at(-1)?.kind).toBe('conflict');
    expect(server.answers).toEqual({ facts: 'theirs' });
    expect(store.size).toBe(1);
    expect(await draft.resolve('mine')).toEqual({ facts: 'mine' });
    expect(server.answers).toEqual({ facts: 'mine' });
  });

  it('takes the other version when asked to', async () => {
    const draft = open();
    server.answers = { facts: 'theirs' };
    server.version = 7;
    draft.change({ facts: 'mine' });
    await settle(600);
    expect(await draft.resolve('theirs')).toEqual({ facts: 'theirs' });
    draft.change({ facts: 'theirs, and more' });
    await settle(600);
    expect(server.answers).toEqual({ facts: 'theirs, and more' });
  });

  it('follows the version that an attachment raised', async () => {
    const draft = open();
    draft.change({ facts: 'a' });
    await draft.write(async () => {
      server.version += 1;
    });
    await settle(600);
    expect(states.at(-1)?.kind).toBe('saved');
    expect(server.answers).toEqual({ facts: 'a' });
  });

  it('after a new sign-in takes up what this tab had', async () => {
    server.failures = [401];
    const draft = open();
    draft.change({ facts: 'unsent' });
    await settle(600);
    expect(states.at(-1)?.kind).toBe('signed-out');
    expect(draft.waiting).toBe(true);
    expect(await draft.flush()).toBe(false);
    const again = open();
    expect(again.restore()).toEqual({ facts: 'unsent' });
    await settle(0);
    expect(server.answers).toEqual({ facts: 'unsent' });
  });

  it('finds the conflict even when the text comes from this tab', async () => {
    server.failures = ['offline'];
    const draft = open();
    draft.change({ facts: 'mine' });
    await settle(600);
    draft.end();
    server.answers = { facts: 'theirs' };
    server.version = 5;
    const again = open();
    expect(again.restore()).toEqual({ facts: 'mine' });
    await settle(0);
    expect(states.at(-1)?.kind).toBe('conflict');
  });

  it('forgets a draft that is not ours', async () => {
    server.failures = [404];
    const draft = open();
    draft.change({ facts: 'a' });
    await settle(600);
    expect(states.at(-1)?.kind).toBe('gone');
    expect(store.size).toBe(0);
  });

  it('keeps nothing after the person has left', async () => {
    server.failures = ['offline'];
    const draft = open();
    draft.change({ facts: 'a' });
    await settle(600);
    draft.end();
    store.removeItem('bozza:a');
    await draft.flush();
    await settle(60_000);
    expect(store.size).toBe(0);
    expect(server.saves).toEqual([]);
  });
});
