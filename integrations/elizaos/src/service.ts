/** The service tee_log of the original: its methods, and what holds an agent's logbook. */
import {createHash} from 'node:crypto';
import {Actions} from './actions.js';
import {TeelogError} from './client.js';
import type {Runtime} from './eliza.js';
import {Logbook} from './logbook.js';
import {Messages} from './messages.js';
import {attachModels} from './models.js';
import {readSettings} from './settings.js';
import {bounded, id} from './words.js';

/** As the original's routes give them (docs/rest.md). */
export interface TeeAgent {
  id: string;
  agentId: string;
  agentName: string;
  createdAt: number;
  publicKey: string;
  attestation: string;
  [more: string]: unknown;
}

export interface TeeLog {
  id: string;
  agentId: string;
  roomId: string;
  userId: string;
  type: string;
  content: string;
  timestamp: number;
  signature: string;
  [more: string]: unknown;
}

export interface TeeLogQuery {
  agentId?: string;
  roomId?: string;
  userId?: string;
  type?: string;
  containsContent?: string;
  startTimestamp?: number;
  endTimestamp?: number;
}

export interface TeeLogPage {
  page: number;
  pageSize: number;
  total: number;
  data: TeeLog[];
}

const books = new WeakMap<Runtime, Logbook | null>();

/** The agent's logbook; null where ENABLE_TEE_LOG turns it off. All that happens is captured
 * from the first call on. */
export function attach(runtime: Runtime): Logbook | null {
  const known = books.get(runtime);
  if (known !== undefined) return known;
  const settings = readSettings(runtime);
  const book = settings.enabled ? new Logbook(runtime, settings) : null;
  if (!book) {
    books.set(runtime, null);
    runtime.logger.warn({src: 'plugin:teelog', agentId: runtime.agentId}, 'ENABLE_TEE_LOG is off: nothing of this agent is logged');
    return null;
  }
  const actions = new Actions(book);
  actions.attach();
  new Messages(book, actions.refusals).attach();
  attachModels(book);
  books.set(runtime, book);
  book.begin();
  return book;
}

export class TeeLogService {
  static readonly serviceType = 'tee_log';
  readonly capabilityDescription = 'Logs what the agent does, before it does it, where nobody can change it after';
  readonly #book: Logbook | null;

  constructor(protected readonly runtime: Runtime) {
    this.#book = attach(runtime);
  }

  static async start(runtime: Runtime): Promise<TeeLogService> {
    const service = new TeeLogService(runtime);
    service.#book?.resume();
    return service;
  }

  /** core 1.7 */
  static async stop(runtime: Runtime): Promise<void> {
    await TeeLogService.stopRuntime(runtime);
  }

  /** core 2.0 */
  static async stopRuntime(runtime: Runtime): Promise<void> {
    await books.get(runtime)?.stop();
  }

  async stop(): Promise<void> {
    await this.#book?.stop();
  }

  getInstance(): this {
    return this;
  }

  /** True once it is durable. Where it is not, it throws; with TEE_LOG_FAIL=open it is false. */
  async log(agentId: string, roomId: string, userId: string, type: string, content: string): Promise<boolean> {
    const book = this.#book;
    if (!book) return false;
    try {
      await book.write({agentId, roomId: id(roomId), userId: id(userId), type, content: bounded(content)});
      return true;
    } catch (e) {
      if (!book.open) throw e;
      book.warn(`not logged: ${e instanceof Error ? e.message : String(e)}`);
      return false;
    }
  }

  async getAllAgents(): Promise<TeeAgent[]> {
    return (await this.#ask<{agents: TeeAgent[]}>('GET', '/tee/agents')).agents;
  }

  async getAgent(agentId: string): Promise<TeeAgent | null> {
    if (!agentId) return null;
    try {
      return (await this.#ask<{agent: TeeAgent}>('GET', `/tee/agents/${encodeURIComponent(agentId)}`)).agent;
    } catch (e) {
      if (e instanceof TeelogError && e.status === 404) return null;
      throw e;
    }
  }

  async getLogs(query: TeeLogQuery = {}, page = 1, pageSize = 10): Promise<TeeLogPage> {
    return (await this.#ask<{logs: TeeLogPage}>('POST', '/tee/logs', {query, page, pageSize})).logs;
  }

  /** The platform's quote over an answer that was asked for with SHA-256 of these data as its
   * nonce: no caller chooses what is quoted. '{"quote":"0x…","timestamp":…}', as it was. */
  async generateAttestation(reportData: string): Promise<string> {
    const nonce = createHash('sha256').update(reportData).digest('hex');
    const agent = encodeURIComponent(this.runtime.agentId);
    return (await this.#ask<{attestation: string}>('GET', `/tee/agents/${agent}?nonce=${nonce}`)).attestation;
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    if (!this.#book) throw new Error('ENABLE_TEE_LOG is off');
    const answer = await this.#book.client.ask(method, path, body ? JSON.stringify(body) : null);
    return JSON.parse(answer.body.toString('utf8')) as T;
  }
}
