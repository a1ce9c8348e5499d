// Keeps a draft safe: at once in this tab, soon on the server, and never says "saved" before the server has it.
//
// Everything that writes to the draft goes through one queue, because each write raises its version: a save and an
// upload that overlapped would refuse each other.
import { Problem, Unreachable, signedOut } from './api.ts';
import type { Answers, Application } from './types.ts';

export type SaveState =
  | { kind: 'idle' }
  | { kind: 'saving' }
  | { kind: 'saved'; at: Date }
  | { kind: 'unsaved'; detail: string }
  | { kind: 'signed-out' }
  | { kind: 'gone' }
  | { kind: 'conflict'; theirs: Application };

export interface DraftPorts {
  save(answers: Answers, version: number): Promise<Application>;
  load(): Promise<Application>;
  copy: LocalCopy;
  now(): Date;
}

const DEBOUNCE_MS = 600;
const RETRY_MS = [2_000, 5_000, 15_000, 30_000];

export class Draft {
  private answers: Answers;
  private savedText: string;
  private version: number;
  private state: SaveState = { kind: 'idle' };
  private queue: Promise<void> = Promise.resolve();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private ended = false;

  constructor(
    application: Application,
    private readonly ports: DraftPorts,
    private readonly onState: (state: SaveState) => void,
  ) {
    this.answers = application.answers;
    this.savedText = canonical(application.answers);
    this.version = application.version;
  }

  /** Takes what this tab had written and the server had not: after a crash, a lost network or a new sign-in. */
  restore(): Answers {
    const copy = this.ports.copy.read();
    if (!copy || canonical(copy.answers) === this.savedText) {
      this.ports.copy.clear();
      return this.answers;
    }
    this.answers = copy.answers;
    const ours = copy.version === this.version || copy.sent === this.savedText;
    if (!ours) {
      // Somebody else wrote meanwhile: go on from what this tab knew, and let the server refuse it.
      this.version = copy.version;
      this.savedText = copy.known;
    }
    this.schedule(0);
    return this.answers;
  }

  change(answers: Answers): void {
    this.answers = answers;
    if (!this.dirty) return;
    this.writeCopy();
    if (this.waiting) return;
    this.setState({ kind: 'saving' });
    this.schedule(DEBOUNCE_MS);
  }

  /** Saves now; true when the server holds the latest answers. */
  async flush(): Promise<boolean> {
    clearTimeout(this.timer);
    await this.exclusive(() => this.save());
    return !this.dirty && !this.waiting;
  }

  get dirty(): boolean {
    return canonical(this.answers) !== this.savedText;
  }

  /** Another write to the same draft (an attachment): queued, and the version is read again afterwards. */
  async write<T>(action: () => Promise<T>): Promise<T> {
    return this.exclusive(async () => {
      try {
        return await action();
      } finally {
        await this.refreshVersion();
      }
    });
  }

  /** The person's choice after a conflict. */
  async resolve(choice: 'mine' | 'theirs'): Promise<Answers> {
    if (this.state.kind !== 'conflict') return this.answers;
    const theirs = this.state.theirs;
    this.version = theirs.version;
    this.savedText = canonical(theirs.answers);
    if (choice === 'theirs') this.answers = theirs.answers;
    this.setState({ kind: 'idle' });
    if (choice === 'theirs') this.ports.copy.clear();
    else await this.flush();
    return this.answers;
  }

  /** The person has left: nothing more is sent or kept. */
  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
  }

  /** Nothing will be sent until the person acts; the text is in this tab. */
  get waiting(): boolean {
    return this.ended || ['signed-out', 'gone', 'conflict'].includes(this.state.kind);
  }

  private schedule(delay: number): void {
    clearTimeout(this.timer);
    if (this.ended) return;
    this.timer = setTimeout(() => void this.flush(), delay);
  }

  private exclusive<T>(action: () => Promise<T>): Promise<T> {
    const result = this.queue.then(action);
    this.queue = result.then(() => undefined, () => undefined);
    return result;
  }

  private async save(): Promise<void> {
    if (!this.dirty || this.waiting) return;
    const sending = this.answers;
    this.setState({ kind: 'saving' });
    this.writeCopy(canonical(sending));
    try {
      const stored = await this.ports.save(sending, this.version);
      this.accept(sending, stored.version);
    } catch (error) {
      await this.failed(error, sending);
    }
  }

  private accept(sent: Answers, version: number): void {
    this.failures = 0;
    this.version = version;
    this.savedText = canonical(sent);
    if (this.dirty) {
      this.writeCopy();
      this.schedule(DEBOUNCE_MS);
      return;
    }
    this.ports.copy.clear();
    this.setState({ kind: 'saved', at: this.ports.now() });
  }

  private async failed(error: unknown, sent: Answers): Promise<void> {
    if (signedOut(error)) return this.setState({ kind: 'signed-out' });
    const status = error instanceof Problem ? error.status : 0;
    if (status === 404) {
      // Not ours, or deleted elsewhere: nothing of it may stay in this browser.
      this.ports.copy.clear();
      return this.setState({ kind: 'gone' });
    }
    if (status === 412) return this.compare(sent);
    this.setState({ kind: 'unsaved', detail: error instanceof Problem ? error.detail : '' });
    if (error instanceof Unreachable || status >= 500 || status === 429) this.retry();
  }

  /** Version refused: either an earlier save of ours whose answer was lost, or somebody else's. */
  private async compare(sent: Answers): Promise<void> {
    try {
      const theirs = await this.ports.load();
      if (canonical(theirs.answers) === canonical(sent)) return this.accept(sent, theirs.version);
      if (canonical(theirs.answers) === this.savedText) {
        this.version = theirs.version; // only attachments changed: the text is not in dispute
        return this.schedule(0);
      }
      this.setState({ kind: 'conflict', theirs });
    } catch (error) {
      if (signedOut(error)) return this.setState({ kind: 'signed-out' });
      this.setState({ kind: 'unsaved', detail: '' });
      this.retry();
    }
  }

  private async refreshVersion(): Promise<void> {
    try {
      const stored = await this.ports.load();
      // With other answers than those we know the old version stays, and the next save finds the conflict.
      if (canonical(stored.answers) === this.savedText) this.version = stored.version;
    } catch {
      // The next save meets 412 and compares.
    }
  }

  private retry(): void {
    const delay = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.schedule(delay);
  }

  private writeCopy(sent?: string): void {
    if (this.ended) return;
    this.ports.copy.write({ answers: this.answers, version: this.version, known: this.savedText, sent: sent ?? this.savedText });
  }

  private setState(state: SaveState): void {
    this.state = state;
    this.onState(state);
  }
}

/** Equal answers give equal text, whatever the order of their keys. */
export function canonical(answers: Answers): string {
  return JSON.stringify(Object.entries(answers).sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Copy {
  answers: Answers;
  /** The server's version these answers were written on, and the canonical text it had. */
  version: number;
  known: string;
  /** Canonical text of what was last sent: if the server holds exactly that, nobody else wrote. */
  sent: string;
}

/** The copy in this tab. sessionStorage, not localStorage: drafts hold personal data and must end with the tab. */
export class LocalCopy {
  private readonly key: string;

  constructor(id: string, private readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>) {
    this.key = `bozza:${id}`;
  }

  read(): Copy | null {
    try {
      return JSON.parse(this.storage.getItem(this.key) ?? 'null');
    } catch {
      return null;
    }
  }

  write(copy: Copy): void {
    try {
      this.storage.setItem(this.key, JSON.stringify(copy));
    } catch {
      // A full or forbidden store: the server's copy is the one that counts.
    }
  }

  clear(): void {
    this.storage.removeItem(this.key);
  }
}
