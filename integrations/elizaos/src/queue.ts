/** Records on their way to the log, in the order in which they were put there. It is bounded, what
 * is in it is repeated with the same request ids until its fate is known, and nothing overtakes. */
import {BATCH_MAX, isLater, type NewRecord, outgoing, TeelogError} from './client.js';
import type {LogRecord, Outgoing, Receipt} from './receipt.js';
import {digest, fresh} from './words.js';

export interface Submitter {
  submit(records: Outgoing[]): Promise<(Receipt | TeelogError)[]>;
}

export interface QueueLimits {
  /** Records. */
  count: number;
  /** Bytes of them as they are sent. */
  bytes: number;
  /** What the log refuses, and what stands in its place too, is let go of. Else nothing goes on. */
  open?: boolean;
}

/** A record that waits, and then is in the log or refused for good. */
export interface Entry {
  readonly record: LogRecord;
  /** Rejects only where the log will never take this record. */
  readonly done: Promise<Receipt>;
  receipt: Receipt | null;
}

interface Waiting extends Entry, Outgoing {
  record: LogRecord;
  answers: Entry | null;
  bytes: number;
  waited: boolean;   // somebody hears of its fate, and does nothing where it is not logged
  replaced: boolean; // the log has refused it, and this is in its place
  resolve(receipt: Receipt): void;
  reject(error: unknown): void;
}

export class QueueFull extends Error {}

const BATCH_BYTES = 4 << 20;  // a request has at most 8 MiB
const OVERHEAD = 512;         // of a record in memory, beside its text
const GATHER_MS = 2;          // how long what nobody waits for lets others come along
const PAUSE_LEAST_MS = 25, PAUSE_MOST_MS = 1000;
const KEEP_MS = 5000;         // how long, while the log is away, what waits keeps the process from its end

/** What is logged in place of a record that the log refuses for what it is, since whoever says so, it does not
 * vanish; or of an outcome that there is no room for. */
function inPlaceOf(record: LogRecord, why: object): Outgoing {
  const {agentId, type, content, ref} = record;
  let phase: unknown;
  try {
    ({phase} = JSON.parse(content) as {phase?: unknown});
  } catch {
    // A message's text.
  }
  const said = {...(typeof phase === 'string' && {phase}), ...digest(content), ...why};
  return outgoing({agentId, roomId: '', userId: '', type, content: JSON.stringify(said), ...(ref !== undefined && {ref}), attributes: {id: fresh()}});
}

const sizeOf = (sent: Outgoing): number => OVERHEAD + Buffer.byteLength(JSON.stringify(sent.record));

/** The value, or undefined where it does not come within ms. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, ms, undefined)));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Queue {
  readonly #client: Submitter;
  readonly #limits: QueueLimits;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #running = false;
  #soon: NodeJS.Timeout | null = null;
  #tried = 0; // when it was last tried in vain
  #away = 0;  // since when it is in vain
  #wake: (() => void) | null = null;
  #closed = false;
  #most = BATCH_MAX;
  /** Why the log does not take records now, or null. */
  trouble: string | null = null;

  constructor(client: Submitter, limits: QueueLimits) {
    this.#client = client;
    this.#limits = limits;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Bytes of what waits. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a record, whose ref is the index that answers gets. Throws QueueFull. Where nobody waits
   * for it, it goes with what comes next, or a moment later: one commit for both. */
  put(record: NewRecord, answers: Entry | null = null, waited = true): Entry {
    let sent = outgoing(record), bytes = sizeOf(sent);
    if (this.#closed) throw new QueueFull('the agent is stopping');
    // An outcome has its place with its intent, of which there are only so many.
    if (!answers && (this.#waiting.length >= this.#limits.count || this.#bytes + bytes > this.#limits.bytes)) {
      this.#start();
      throw new QueueFull(`${this.#waiting.length} records wait for the log already${this.trouble ? `: ${this.trouble}` : ''}`);
    }
    if (this.#bytes + bytes > this.#limits.bytes) {
      sent = inPlaceOf(sent.record, {});
      bytes = sizeOf(sent);
    }
    let resolve!: (r: Receipt) => void, reject!: (e: unknown) => void;
    const done = new Promise<Receipt>((yes, no) => ([resolve, reject] = [yes, no]));
    done.catch(() => undefined); // whoever wants to know looks at it
    const entry: Waiting = {...sent, done, receipt: null, answers, bytes, waited, replaced: false, resolve, reject};
    this.#waiting.push(entry);
    this.#bytes += bytes;
    if (waited) this.#start();
    else this.#soon ??= setTimeout(() => this.#start(), GATHER_MS);
    return entry;
  }

  /** What is there now is in the log, or refused, within ms; false where it is not. */
  async drained(ms: number): Promise<boolean> {
    const last = this.#waiting.at(-1);
    return !last || (await within(last.done.then(() => true, () => true), ms)) === true;
  }

  /** Takes no more; what still waits after ms is given up. */
  async close(ms: number): Promise<number> {
    this.#closed = true;
    this.#wake?.();
    this.#start();
    await this.drained(ms);
    const left = this.#waiting.splice(0);
    this.#bytes = 0;
    for (const e of left) e.reject(new QueueFull('the agent stopped before the log took this'));
    return left.length;
  }

  #start(): void {
    if (this.#soon) clearTimeout(this.#soon);
    this.#soon = null;
    if (!this.#running) void this.#run();
    else setTimeout(() => this.#wake?.(), Math.max(0, this.#tried + PAUSE_LEAST_MS - performance.now())).unref(); // somebody waits: perhaps it is back
  }

  /** Those that can go together: of one agent, and an outcome once the index of its intent is known. */
  #batch(): Waiting[] {
    const out: Waiting[] = [];
    let bytes = 0;
    for (const e of this.#waiting) {
      const open = e.answers && !e.answers.receipt && out.includes(e.answers as Waiting);
      const other = out.length > 0 && (out[0]!.record.agentId !== e.record.agentId || bytes + e.bytes > BATCH_BYTES);
      if (out.length >= this.#most || open || other) break;
      if (e.answers?.receipt && e.record.ref === undefined) e.record.ref = e.answers.receipt.index;
      bytes += e.bytes;
      out.push(e);
    }
    return out;
  }

  #fail(why: string): void {
    if (this.trouble === null) this.#away = performance.now();
    this.trouble = why;
  }

  #settle(e: Waiting, result: Receipt | TeelogError): void {
    const at = this.#waiting.indexOf(e);
    if (at < 0) return; // given up since
    this.#waiting.splice(at, 1);
    this.#bytes -= e.bytes;
    if (result instanceof TeelogError) return e.reject(result);
    e.receipt = result;
    e.resolve(result);
  }

  /** Whether it can go on at once: another record stands in its place. */
  #refused(e: Waiting, why: TeelogError): boolean {
    if (e.waited || (e.replaced && this.#limits.open)) {
      this.#settle(e, why);
      return true;
    }
    if (!e.replaced) {
      Object.assign(e, inPlaceOf(e.record, {refused: why.message.slice(0, 300).toWellFormed()}));
      e.replaced = true;
    }
    this.#fail(`a record of type ${e.record.type} was refused: ${why.message}`);
    return false;
  }

  /** Whether all that was sent is settled. */
  async #once(): Promise<boolean> {
    const batch = this.#batch();
    let results: (Receipt | TeelogError)[];
    try {
      results = await this.#client.submit(batch);
    } catch (e) {
      // Too much for it at once, perhaps.
      if (e instanceof TeelogError && !e.later) this.#most = Math.max(1, Math.floor(batch.length / 2));
      throw e;
    }
    this.#most = Math.min(BATCH_MAX, 2 * this.#most);
    for (const [i, e] of batch.entries()) {
      const result = results[i]!;
      if (result instanceof TeelogError && result.later) {
        this.#fail(result.message);
        return false; // those behind it were taken perhaps: their request ids will say so
      }
      if (!(result instanceof TeelogError)) this.#settle(e, result);
      else if (!this.#refused(e, result)) return false;
    }
    this.trouble = null;
    return true;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let pause = PAUSE_LEAST_MS; this.#waiting.length > 0; ) {
      let good = false;
      try {
        good = await this.#once();
      } catch (e) {
        // Also what waiting alone does not mend (a wrong token, a frozen log, another log under
        // this address): people do, and nothing is thrown away until then.
        this.#fail(e instanceof Error ? e.message : String(e));
        if (!isLater(e) || (e instanceof TeelogError && e.after > 0)) pause = PAUSE_MOST_MS;
      }
      if (good) pause = PAUSE_LEAST_MS;
      else if (this.#waiting.length > 0) {
        await this.#pause(pause);
        pause = Math.min(2 * pause, PAUSE_MOST_MS);
      }
    }
    this.#running = false;
  }

  /** Ends early where somebody begins to wait, or the agent stops. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      if (performance.now() - this.#away > KEEP_MS) timer.unref();
      this.#tried = performance.now();
      this.#wake = done;
    });
  }
}
