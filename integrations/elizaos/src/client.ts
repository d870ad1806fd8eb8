/** A client of teelog: records in, receipts out that were checked under a pinned log key. It needs
 * nothing but Node, and no elizaOS. */
import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {checkpoint, logKey, type LogKey} from './note.js';
import {believing, checkReceipt, grows, type LogRecord, type Outgoing, type Receipt, readLine, ReceiptError, type Seen} from './receipt.js';
import {type Answer, ConnectionError, Transport, type Where} from './transport.js';
import {bounded, fresh, json, reason} from './words.js';

export {type LogKey, logKey, NoteError} from './note.js';
export {checkReceipt, type LogRecord, type Outgoing, type Receipt, ReceiptError, type Seen} from './receipt.js';
export {AnswerError, ConnectionError, type Where} from './transport.js';

/** What a caller says of a record; a request id is made where none is there. */
export type NewRecord = Omit<LogRecord, 'requestId'> & {requestId?: string};

export interface ClientOptions extends Where {
  /** The log's verifier key, or "on first use": then the one that the service says, for as long
   * as this client lives. */
  logKey: string;
  /** Milliseconds for one request; 10000 without it. */
  timeout?: number;
  /** Begin a new session of the agent with the first record: an agent that was started again. */
  newSession?: boolean;
  /** Is told the key that was taken on first use. */
  onFirstUse?: (key: string) => void;
}

/** What the service said, in its own words. */
export class TeelogError extends Error {
  /** later: whether it can be repeated as it is, with the same request ids; after: in so many seconds. */
  constructor(message: string, readonly status: number, readonly later: boolean, readonly field?: string, readonly after = 0) {
    super(message);
  }
}

export const ON_FIRST_USE = 'on first use';
/** Lines of one request. */
export const BATCH_MAX = 256;

const ANSWER_BASE = 131072;
const RECEIPT_MAX = 170 * 1024; // a statement in base64, a note, a path
const QUERY_MAX = 48 * 1024 * 1024, QUERY_MS = 60000;
const PAUSE_LEAST_MS = 20, PAUSE_MOST_MS = 1000;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function parsed(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ReceiptError('it is not what a teelog answers');
  return value as Record<string, unknown>;
}

/** A sentence of the service, for people: it may have been anyone's. */
const sentence = (v: unknown): string => (typeof v === 'string' ? v.slice(0, 500).replace(/[\x00-\x1f\x7f]/g, ' ') : 'no reason was given');

function refusal(answer: Answer): TeelogError {
  let error = `status ${answer.status}`, field: string | undefined;
  try {
    const all = parsed(answer.body.toString('utf8'));
    // Of records that were sent together: the first one that is wrong.
    const said = ((Array.isArray(all.errors) ? all.errors[0] : null) ?? all) as {error?: unknown; field?: unknown};
    error = sentence(said.error);
    if (typeof said.field === 'string') field = sentence(said.field);
  } catch {
    // The status has to do.
  }
  return new TeelogError(error, answer.status, answer.retryAfter !== null || answer.status === 502 || answer.status === 504, field, answer.retryAfter ?? 0);
}

function good(answer: Answer): Answer {
  if (answer.status !== 200) throw refusal(answer);
  return answer;
}

/** Where the log is and how to talk to it, as TEELOG_ variables say, or what else is asked for them. */
export function fromEnvironment(get: (key: string) => string | undefined = (key) => process.env[key]): ClientOptions {
  const option = <K extends string>(name: K, key: string) => {
    const value = get(key);
    return (value ? {[name]: value} : {}) as {[name in K]?: string};
  };
  const file = get('TEELOG_TOKEN_FILE'), token = file ? readFileSync(file, 'utf8').trim() : get('TEELOG_TOKEN');
  const policy = get('TEELOG_PEER_POLICY'), url = get('TEELOG_URL');
  return {
    logKey: get('TEELOG_LOG_KEY') ?? '',
    ...(url ? {url} : option('socket', 'TEELOG_SOCKET')),
    ...option('ca', 'TEELOG_CA'),
    ...(policy && {peer: {policy, ...option('collateral', 'TEELOG_PEER_COLLATERAL'), ...option('teelog', 'TEELOG_PROGRAM')}}),
    ...(token && {token}),
  };
}

export class Client {
  readonly #transport: Transport;
  readonly #questions: Transport; // which may take their time, and keep no record waiting
  readonly #options: ClientOptions;
  readonly #timeout: number;
  readonly #seen: Seen = {last: null};
  #key: LogKey | null;
  #begun: LogKey | null = null;
  #from = 0; // statements that the log had then
  #session: '&session=new' | '';
  #turn: Promise<unknown> = Promise.resolve();
  readonly #owed = new Set<Outgoing>();

  constructor(options: ClientOptions) {
    if (!options.logKey)
      throw new Error(`which log? TEELOG_LOG_KEY is missing: its key (the service prints it), or the words "${ON_FIRST_USE}"`);
    this.#options = options;
    this.#timeout = options.timeout ?? 10000;
    this.#session = options.newSession ? '&session=new' : '';
    this.#key = options.logKey === ON_FIRST_USE ? null : logKey(options.logKey);
    this.#transport = new Transport(options);
    this.#questions = new Transport(options);
  }

  /** The pinned key; null before the first use. */
  get logKey(): string | null {
    return this.#key?.text ?? null;
  }

  /** Any request. Where the status is not 200 it throws what the service said. */
  async ask(method: string, path: string, body: string | null = null, token?: string): Promise<Answer> {
    if (!this.#begun) await this.#inTurn(() => this.#begin());
    return good(await this.#questions.ask(method, path, body, QUERY_MAX, QUERY_MS, token));
  }

  /** Those that were sent get a receipt or an error each, in their order. All of it throws where
   * it is not known what became of them, or nothing was appended. One try. partial: those that are good are
   * appended where others are not. */
  async submit(sent: Outgoing[], partial = true): Promise<(Receipt | TeelogError)[]> {
    if (sent.length === 0 || sent.length > BATCH_MAX) throw new RangeError(`1 to ${BATCH_MAX} records at once`);
    const body = sent.map((s) => JSON.stringify(s.record) + '\n').join('');
    return this.#inTurn(async () => {
      const key = await this.#begin();
      for (const s of sent) s.least ??= this.#seen.last?.size ?? 0;
      const answer = good(await this.#transport.ask('POST', `/v1/records?receipt=full${partial ? '&partial=1' : ''}${this.#session}`, body,
        ANSWER_BASE + sent.length * RECEIPT_MAX, this.#timeout));
      const lines = answer.body.toString('utf8').split('\n');
      if (lines.pop() !== '' || lines.length !== sent.length) throw new ReceiptError('the answer has not one line for each record');
      return this.#lines(lines, sent, key);
    });
  }

  /** Receipts of all of them, in their order. Repeats what got lost, with the same request ids,
   * until ms are over. */
  append(records: NewRecord[], ms = 30000): Promise<Receipt[]> {
    return this.#send(records.map(outgoing), ms);
  }

  async #send(all: Outgoing[], ms: number): Promise<Receipt[]> {
    const out: Receipt[] = [], end = performance.now() + ms;
    for (let pause = PAUSE_LEAST_MS; out.length < all.length; ) {
      try {
        const got = await this.submit(all.slice(out.length, out.length + BATCH_MAX), false);
        for (const r of got) {
          if (r instanceof TeelogError) throw r;
          out.push(r);
        }
        pause = PAUSE_LEAST_MS;
      } catch (e) {
        const after = Math.max(pause, e instanceof TeelogError ? 1000 * e.after : 0);
        if (!isLater(e) || performance.now() + after > end) throw e;
        await sleep(after);
        pause = Math.min(2 * pause, PAUSE_MOST_MS);
      }
    }
    return out;
  }

  /** Logs that this is about to be done, does it, and logs how it went. Where the intent cannot be
   * logged nothing is done; what work throws is logged and thrown on. An outcome that could not be
   * logged is owed: the next action begins after it; the error then has what work gave as its result. */
  async action<T>(record: Omit<NewRecord, 'content' | 'ref' | 'requestId'>, parameters: unknown, work: () => Promise<T> | T, ms = 30000):
      Promise<{result: T; intent: Receipt; outcome: Receipt}> {
    for (const outcome of [...this.#owed]) await this.#pay(outcome, ms);
    const [intent] = (await this.append([{...record, content: bounded(json({phase: 'intent', id: fresh(), parameters}))}], ms)) as [Receipt];
    const owe = (content: object) => {
      const outcome = outgoing({...record, content: bounded(json(content)), ref: intent.index});
      this.#owed.add(outcome);
      return outcome;
    };
    let result: T;
    try {
      result = await work();
    } catch (e) {
      await this.#pay(owe({phase: 'failure', error: reason(e)}), ms);
      throw e;
    }
    try {
      return {result, intent, outcome: await this.#pay(owe({phase: 'result', result}), ms)};
    } catch (e) {
      throw Object.assign(e as Error, {result});
    }
  }

  async #pay(outcome: Outgoing, ms: number): Promise<Receipt> {
    const [receipt] = (await this.#send([outcome], ms)) as [Receipt];
    this.#owed.delete(outcome);
    return receipt;
  }

  close(): void {
    this.#transport.close();
    this.#questions.close();
  }

  async #get(path: string): Promise<string> {
    return good(await this.#transport.ask('GET', path, null, ANSWER_BASE, this.#timeout, '')).body.toString('utf8');
  }

  /** One at a time: checkpoints come in the order in which they were made. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #lines(lines: string[], sent: Outgoing[], key: LogKey): (Receipt | TeelogError)[] {
    const taken = new Map<number, string>(); // by which request id
    return lines.map((line, i) => {
      const r = this.#line(line, sent[i]!, key);
      if (r instanceof TeelogError) return r;
      if (this.#session && r.index >= this.#from) {
        if (r.session < this.#from) throw new ReceiptError('it is in an older session, and a new one was asked for');
        this.#session = ''; // it is open, perhaps since an answer that got lost
      }
      const {requestId} = sent[i]!.record;
      if ((taken.get(r.index) ?? requestId) !== requestId) throw new ReceiptError('two records of one request have one statement');
      taken.set(r.index, requestId);
      return r;
    });
  }

  #line(line: string, sent: Outgoing, key: LogKey): Receipt | TeelogError {
    const said = readLine(line);
    if (!('error' in said)) return checkReceipt(said, sent, key, this.#seen);
    if (typeof said.error !== 'string') throw new ReceiptError('its error is no text');
    return new TeelogError(sentence(said.error), 400, said.later === true, typeof said.field === 'string' ? sentence(said.field) : undefined);
  }

  /** Nothing is sent before the service has shown a checkpoint of the pinned log, the token neither. */
  async #begin(): Promise<LogKey> {
    if (this.#begun) return this.#begun;
    const key = this.#key ?? (await this.#firstUse());
    const note = await this.#get('/checkpoint'), tree = believing(() => checkpoint(note, key));
    grows(tree, this.#seen);
    this.#seen.last = tree;
    this.#from = tree.size;
    return (this.#begun = key);
  }

  async #firstUse(): Promise<LogKey> {
    const status = parsed(await this.#get('/v1/status'));
    this.#key = logKey(typeof status.logKey === 'string' ? status.logKey : '');
    this.#options.onFirstUse?.(this.#key.text);
    return this.#key;
  }
}

/** A request id that the caller brings may have been used before. */
export function outgoing(record: NewRecord): Outgoing {
  const {requestId} = record;
  return {record: JSON.parse(JSON.stringify({...record, requestId: requestId ?? randomUUID()})) as LogRecord, least: requestId === undefined ? null : 0};
}

/** Whether the same may be sent again, with the same request ids. */
export function isLater(e: unknown): boolean {
  return e instanceof ConnectionError || (e instanceof TeelogError && e.later);
}
