/** What one agent writes to the log, and waits for. One for each runtime. */
import {AsyncLocalStorage} from 'node:async_hooks';
import {Client, type NewRecord, TeelogError} from './client.js';
import type {Content, Memory, Runtime} from './eliza.js';
import {type Entry, Queue, QueueFull, within} from './queue.js';
import type {Receipt} from './receipt.js';
import type {Settings} from './settings.js';
import {bounded, fresh, id, json} from './words.js';

/** One thing that happened. */
export interface Event {
  type: string;
  content: string;
  message?: Memory | undefined;
  attributes?: Record<string, string | number | boolean>;
}

/** The handling of one message. */
export interface Run {
  message: Memory;
  /** The last of what was logged in it, as replies show it; null: not yet durable. */
  shown: {receipt: object | null}[];
  /** Something of it was not done, since it could not be logged. */
  refused: boolean;
  /** What was said in place of a reply that could not be. */
  held?: Content;
  /** What goes on after it, in timers say, is not of it any more. */
  over: boolean;
}

/** Something did not happen, since it could not be logged. Its message is for the agent's user. */
export class NotLogged extends Error {
  constructor(what: string, why: string) {
    super(`${what}: it could not be logged (${why})`);
  }
}

/** Receipts that one reply carries. */
const SHOWN_MAX = 64;
const STOP_MS = 5000;
const TIMEOUT_LEAST_MS = 1000; // of one request

export class Logbook {
  readonly runtime: Runtime;
  readonly settings: Settings;
  client: Client;
  queue: Queue;
  /** Records that were let go of, where TEE_LOG_FAIL is open. */
  lost = 0;
  readonly #runs = new AsyncLocalStorage<Run>();
  readonly #running = new Set<Promise<unknown>>();
  #ended = false;

  constructor(runtime: Runtime, settings: Settings) {
    this.runtime = runtime;
    this.settings = settings;
    [this.client, this.queue] = this.#connected();
  }

  #connected(): [Client, Queue] {
    const {settings} = this;
    const client = new Client({
      ...settings.client,
      newSession: true,
      timeout: Math.max(TIMEOUT_LEAST_MS, settings.wait),
      onFirstUse: (key) => this.warn(`TEELOG_LOG_KEY is "on first use": taking ${key} for the log's key; pin it`),
    });
    return [client, new Queue(client, {count: settings.queueCount, bytes: settings.queueBytes, open: this.open})];
  }

  /** After stop: an agent that was started again without a new runtime. */
  resume(): void {
    if (!this.#ended) return;
    this.#ended = false;
    [this.client, this.queue] = this.#connected();
    this.begin();
  }

  /** The first record: by which settings the others come. It has the session opened before
   * anybody waits for it. */
  begin(): void {
    const {fail, messages, models} = this.settings;
    this.note({type: 'Log:begin', content: json({phase: 'begin', name: this.runtime.character.name ?? null, fail, messages, models})});
  }

  get open(): boolean {
    return this.settings.fail === 'open';
  }

  /** The handling of a message that goes on. */
  get run(): Run | undefined {
    const run = this.#runs.getStore();
    return run?.over ? undefined : run;
  }

  /** Runs work as the handling of this message. */
  inRun<T>(message: Memory, work: () => Promise<T>): Promise<T> {
    const run: Run = {message, shown: [], refused: false, over: false};
    return this.#runs.run(run, async () => {
      try {
        return await work();
      } finally {
        run.over = true;
      }
    });
  }

  warn(text: string): void {
    this.runtime.logger.warn({src: 'plugin:teelog', agentId: this.runtime.agentId}, text);
  }

  /** Puts it on its way to the log, and does not wait. What follows waits for it. Without room it
   * throws NotLogged, or forgets it where that was wished (null). */
  note(event: Event, answers: Entry | null = null, waited = false): Entry | null {
    const {run} = this, from = event.message ?? run?.message, content = bounded(event.content);
    try {
      this.#say();
      const entry = this.queue.put({
        agentId: this.runtime.agentId,
        roomId: id(from?.roomId),
        userId: id(from?.entityId),
        type: event.type,
        content,
        attributes: {...event.attributes, ...(content !== event.content && {altered: true}), id: fresh()},
      }, answers, waited);
      const row: Run['shown'][number] = {receipt: null};
      entry.done.then((receipt) => (row.receipt = shown(receipt)), (e: unknown) => this.#refused(event, e));
      if (run && run.shown.push(row) > SHOWN_MAX) run.shown.shift();
      return entry;
    } catch (e) {
      if (!(e instanceof QueueFull)) throw e;
      if (!this.open) throw new NotLogged(`${event.type} is not taken`, e.message);
      if (this.lost++ === 0) this.warn(`records are lost, since TEE_LOG_FAIL is open: ${e.message}`);
      return null;
    }
  }

  #refused(event: Event, e: unknown): void {
    if (!(e instanceof TeelogError)) return; // it came to its end with the queue
    this.warn(`the log refused a record of type ${event.type}: ${e.message}`);
    if (this.open) this.lost++;
  }

  /** Records that were lost leave a record of it, once the log takes any again. */
  #say(): void {
    if (this.lost === 0 || this.queue.trouble !== null) return;
    const {lost} = this, said = {agentId: this.runtime.agentId, roomId: '', userId: '', type: 'Log:gap'};
    try {
      const {done} = this.queue.put({...said, content: json({phase: 'gap', lost}), attributes: {id: fresh()}});
      this.lost = 0;
      done.catch(() => (this.lost += lost));
    } catch (e) {
      if (!(e instanceof QueueFull)) throw e; // the next one says it
    }
  }

  /** Puts it on its way, and returns once it is durable. Where that takes too long it throws
   * NotLogged, and the log will say that it was not done; where failing open was wished it
   * returns all the same, at once where the log is known to be away. against: why it is not to be done
   * whatever the log says. */
  async before(event: Event, what: string, against?: string): Promise<Entry | null> {
    const entry = this.note(event, null, true);
    if (!entry || (this.open && this.queue.trouble !== null)) return entry;
    const why = against ?? (await this.#whyNot(entry));
    if (why === null || this.open) return entry;
    this.warn(`${what} did not happen: it could not be logged (${why})`);
    this.after({type: event.type, content: json({phase: 'refusal', reason: why}), message: event.message}, entry);
    throw new NotLogged(what, why);
  }

  async #whyNot(entry: Entry): Promise<string | null> {
    const {wait} = this.settings;
    try {
      if (await within(entry.done, wait)) return null;
      return this.queue.trouble ?? `the log gave no receipt within ${wait} ms`;
    } catch (e) {
      return e instanceof Error ? e.message : String(e);
    }
  }

  /** One record by hand, in its turn. Throws where it is not known to be durable in time: it may
   * still come. */
  async write(record: Omit<NewRecord, 'requestId' | 'attributes'>): Promise<void> {
    const why = await this.#whyNot(this.queue.put({...record, attributes: {id: fresh()}}));
    if (why !== null) throw new Error(why);
  }

  /** The outcome of what before was for: there is always room for it. */
  after(event: Event, answers: Entry | null): Entry | null {
    try {
      return this.note(event, answers);
    } catch (e) {
      if (!(e instanceof NotLogged)) throw e;
      this.warn(e.message); // the agent is stopping: its intent stays without an outcome
      return null;
    }
  }

  /** A handler that runs: stop waits for it, so that its outcome is logged. */
  async whileItRuns<T>(work: () => Promise<T>): Promise<T> {
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Ends it: what still runs, and then what still waits, is given a while. */
  async stop(): Promise<void> {
    await within(Promise.allSettled(this.#running), STOP_MS);
    const drained = await this.queue.drained(STOP_MS);
    this.#say();
    const left = await this.queue.close(drained ? STOP_MS : 0);
    if (left > 0) this.warn(`${left} records did not reach the log before the agent stopped`);
    this.client.close();
    this.#ended = true;
  }
}

/** What a reply says of the records behind it. */
export function shown(receipt: Receipt): Record<string, unknown> {
  return {type: receipt.type, index: receipt.index, class: receipt.class, leafHash: receipt.leafHash,
    ...(receipt.simulated && {simulated: true})};
}
