/** HTTP/1.1 to a service: on its Unix socket, or over TLS. One connection, that is kept; one
 * request at a time. Sizes and times are bounded. Not node's http, which takes as long for a request on
 * a Unix socket as the service does. */
import {readFileSync} from 'node:fs';
import {connect, isIP, type Socket} from 'node:net';
import {connect as connectTls, type ConnectionOptions, type TLSSocket} from 'node:tls';
import {type Answer, AnswerError, Reader} from './answer.js';
import {Judge, type PeerPolicy} from './attested.js';

export {type Answer, AnswerError} from './answer.js';

export interface Where {
  socket?: string;
  /** https://HOST:PORT; http:// for this machine alone. */
  url?: string;
  /** What the certificate has to go back to (a file of PEM), instead of the system's roots. */
  ca?: string;
  /** The evidence in the certificate under this policy, and no authority: attested TLS. */
  peer?: PeerPolicy;
  token?: string;
}

/** The request may have reached the service, or not: it can be repeated. */
export class ConnectionError extends Error {}

const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|\[::1\])$/; // not localhost, which is what somebody says that it is
const VISIBLE = /^[\x21-\x7e]+$/;

/** How to connect, with TLS or without. */
function options(where: Where, url: URL | null): {tls: ConnectionOptions} | {path: string} | {host: string; port: number} {
  if (!url) return {path: where.socket!};
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (url.protocol !== 'https:') return {host, port: Number(url.port || 80)};
  const tls = {host, port: Number(url.port || 443), minVersion: 'TLSv1.3' as const, ...(isIP(host) === 0 && {servername: host})};
  // Whose certificate it is, is looked at before anything is sent.
  if (where.peer) return {tls: {...tls, rejectUnauthorized: false}};
  // Said, since NODE_TLS_REJECT_UNAUTHORIZED in the environment says otherwise where it is not.
  return {tls: {...tls, rejectUnauthorized: true, ...(where.ca && {ca: readFileSync(where.ca)})}};
}

function address(where: Where): URL | null {
  if (Boolean(where.socket) === Boolean(where.url)) throw new Error('TEELOG_SOCKET or TEELOG_URL has to say where the log is, and one of them alone');
  const url = where.url ? new URL(where.url) : null, https = url?.protocol === 'https:';
  if (url && !https && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
    throw new Error('TEELOG_URL must be https://HOST:PORT; http:// is taken for 127.0.0.1 and [::1] alone');
  if (url && (url.pathname !== '/' || url.search || url.username)) throw new Error('TEELOG_URL must have nothing behind its port');
  if (where.ca && where.peer) throw new Error('TEELOG_CA or TEELOG_PEER_POLICY, not both');
  if ((where.ca || where.peer) && !https) throw new Error('TEELOG_CA and TEELOG_PEER_POLICY are for https:// alone');
  if (where.token && !VISIBLE.test(where.token)) throw new Error('TEELOG_TOKEN has characters of no token');
  return url;
}

/** What waits for an answer. */
interface Asked {
  reader: Reader;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

export class Transport {
  readonly name: string;
  readonly #host: string;
  readonly #where: Where;
  readonly #options: ReturnType<typeof options>;
  readonly #judge: Judge | null;
  #socket: Socket | null = null;
  #asked: Asked | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(where: Where) {
    const url = address(where);
    this.#where = where;
    this.#judge = where.peer ? new Judge(where.peer) : null;
    this.#options = options(where, url);
    this.name = where.socket ?? url!.origin;
    this.#host = url?.host ?? 'log';
  }

  /** An answer of at most max bytes within ms, or ConnectionError. A token of the caller's goes
   * before our own. */
  ask(method: string, path: string, body: string | null, max: number, ms: number, token = this.#where.token): Promise<Answer> {
    const end = performance.now() + ms;
    const mine = this.#turn.then(() => this.#once(method, path, body, max, end, ms, token));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  close(): void {
    this.#drop();
  }

  async #once(method: string, path: string, body: string | null, max: number, end: number, ms: number, token?: string): Promise<Answer> {
    if (!VISIBLE.test(path) || (token && !VISIBLE.test(token))) throw new AnswerError('a path or a token has characters that it may not have');
    const late = setTimeout(() => this.#end(new ConnectionError(`${this.name}: timed out: no answer within ${ms} ms`)), Math.max(1, end - performance.now()));
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#asked = {reader: new Reader(max), resolve, reject};
        const length = body === null ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
        const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n${token ? `Authorization: Bearer ${token}\r\n` : ''}${length}\r\n`;
        if (this.#socket) this.#socket.ref().write(head + (body ?? ''));
        else this.#connect((socket) => socket.write(head + (body ?? '')));
      });
    } finally {
      clearTimeout(late);
    }
  }

  /** Nothing goes to a stranger, not the token either. */
  #connect(then: (socket: Socket) => void): void {
    const how = this.#options, tls = 'tls' in how;
    const socket = (this.#socket = tls ? connectTls(how.tls) : connect(how));
    socket.setNoDelay(true);
    socket.on('error', (e) => this.#ended(socket, e.message));
    socket.on('close', () => this.#ended(socket, this.#asked?.reader.begun ? 'the connection ended within an answer' : 'the connection ended'));
    // Nothing is heard of a stranger either: what he says before he is known would be taken for an answer.
    const go = () => {
      socket.on('data', (part: Buffer) => this.#took(socket, part));
      then(socket);
    };
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      if (!this.#judge) return go();
      this.#known(socket as TLSSocket, this.#judge).then(
        () => socket === this.#socket && go(),
        (e: Error) => socket === this.#socket && this.#end(new AnswerError(`${this.name}: ${e.message}`)));
    });
  }

  /** Once for each connection. */
  async #known(socket: TLSSocket, judge: Judge): Promise<void> {
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) throw new Error('the service shows no certificate');
    await judge.judge(certificate);
  }

  #took(socket: Socket, part: Buffer): void {
    if (socket !== this.#socket) return;
    const asked = this.#asked;
    if (!asked) return this.#drop(); // what nobody asked for
    try {
      const whole = asked.reader.take(part);
      if (!whole) return;
      this.#asked = null;
      if (whole.keeps) socket.unref();
      else this.#drop();
      asked.resolve(whole.answer);
    } catch (e) {
      this.#end(e instanceof AnswerError ? new AnswerError(`${this.name}: ${e.message}`) : (e as Error));
    }
  }

  #ended(socket: Socket, why: string): void {
    if (socket === this.#socket) this.#end(new ConnectionError(`${this.name}: ${why}`));
  }

  /** Of the connection, and of what was asked on it. */
  #end(error: Error): void {
    const asked = this.#asked;
    this.#asked = null;
    this.#drop();
    asked?.reject(error);
  }

  #drop(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }
}
