/** HTTP/1.1 to a service: on its Unix socket, or over TLS. One connection, that is kept; one
 * request at a time. Sizes and times are bounded. */
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type {TLSSocket} from 'node:tls';
import {Judge, type PeerPolicy} from './attested.js';

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

export interface Answer {
  status: number;
  /** Seconds, where the service said to come again. */
  retryAfter: number | null;
  body: Buffer;
}

/** The request may have reached the service, or not: it can be repeated. */
export class ConnectionError extends Error {}

/** What answers is no teelog. */
export class AnswerError extends Error {}

const LOOPBACK = /^(?:127(?:\.[0-9]{1,3}){3}|\[::1\])$/; // not localhost, which is what somebody says that it is

function tlsOptions(where: Where): https.AgentOptions {
  if (where.ca && where.peer) throw new Error('TEELOG_CA or TEELOG_PEER_POLICY, not both');
  // Whose certificate it is, is looked at before anything is sent.
  if (where.peer) return {rejectUnauthorized: false};
  // Said, since NODE_TLS_REJECT_UNAUTHORIZED in the environment says otherwise where it is not.
  return {rejectUnauthorized: true, ...(where.ca && {ca: readFileSync(where.ca)})};
}

export class Transport {
  readonly name: string;
  readonly #options: http.RequestOptions;
  readonly #https: boolean;
  readonly #host: string;
  readonly #agent: http.Agent;
  readonly #where: Where;
  readonly #judge: Judge | null;
  readonly #judged = new WeakMap<TLSSocket, Promise<void>>();

  constructor(where: Where) {
    this.#where = where;
    this.#judge = where.peer ? new Judge(where.peer) : null;
    const keep = {keepAlive: true, maxSockets: 1, maxFreeSockets: 1};
    if (Boolean(where.socket) === Boolean(where.url)) throw new Error('TEELOG_SOCKET or TEELOG_URL has to say where the log is, and one of them alone');
    const url = where.url ? new URL(where.url) : null;
    this.name = where.socket ?? url!.origin;
    this.#https = url?.protocol === 'https:';
    this.#host = url?.host ?? 'log';
    if (url && !this.#https && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname)))
      throw new Error('TEELOG_URL must be https://HOST:PORT; http:// is taken for 127.0.0.1 and [::1] alone');
    if (url && (url.pathname !== '/' || url.search || url.username)) throw new Error('TEELOG_URL must have nothing behind its port');
    if ((where.ca || where.peer) && !this.#https) throw new Error('TEELOG_CA and TEELOG_PEER_POLICY are for https:// alone');
    this.#agent = this.#https ? new https.Agent({...keep, minVersion: 'TLSv1.3', maxCachedSessions: 0, ...tlsOptions(where)}) : new http.Agent(keep);
    this.#options = url ? {host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || (this.#https ? 443 : 80)} : {socketPath: where.socket!};
  }

  /** An answer of at most max bytes within ms, or ConnectionError. A token of the caller's goes
   * before our own. */
  ask(method: string, path: string, body: Buffer | string | null, max: number, ms: number, token = this.#where.token): Promise<Answer> {
    // TLS takes the name that the certificate has to have from Host.
    const headers: http.OutgoingHttpHeaders = {Host: this.#host, ...(token && {Authorization: `Bearer ${token}`})};
    if (body !== null) headers['Content-Length'] = Buffer.byteLength(body);
    return new Promise((resolve, reject) => {
      const fail = (why: string) => reject(new ConnectionError(`${this.name}: ${why}`));
      const refuse = (why: string) => reject(new AnswerError(`${this.name}: ${why}`));
      const request = (this.#https ? https : http).request({...this.#options, method, path, headers, agent: this.#agent}, (answer) => {
        const parts: Buffer[] = [];
        let n = 0;
        answer.on('data', (part: Buffer) => {
          n += part.length;
          if (n > max) {
            request.destroy();
            refuse(`its answer is longer than receipts are (${max} bytes)`);
          } else parts.push(part);
        });
        answer.on('error', (e) => fail(e.message));
        answer.on('close', () => {
          clearTimeout(timer);
          if (!answer.complete) return fail('the connection ended within an answer');
          const after = Number(answer.headers['retry-after'] ?? NaN);
          resolve({status: answer.statusCode ?? 0, retryAfter: after >= 0 ? after : null, body: Buffer.concat(parts)});
        });
      });
      const timer = setTimeout(() => {
        request.destroy();
        fail(`timed out: no answer within ${ms} ms`);
      }, ms);
      request.on('error', (e) => {
        clearTimeout(timer);
        if ((e as NodeJS.ErrnoException).code?.startsWith('HPE_')) refuse(`what answers does not speak HTTP as teelog does (${e.message})`);
        else fail(e.message);
      });
      this.#send(request, body, refuse);
    });
  }

  /** Nothing goes to a stranger, not the token either. */
  #send(request: http.ClientRequest, body: Buffer | string | null, refuse: (why: string) => void): void {
    if (!this.#judge) return void request.end(body ?? undefined);
    request.on('socket', (socket) =>
      void this.#known(socket as TLSSocket).then(
        () => request.end(body ?? undefined),
        (e: Error) => {
          request.destroy();
          refuse(e.message);
        }));
  }

  /** Each connection once: node shows its certificate the first time alone. */
  #known(socket: TLSSocket): Promise<void> {
    let known = this.#judged.get(socket);
    if (!known) this.#judged.set(socket, (known = this.#look(socket)));
    return known;
  }

  async #look(socket: TLSSocket): Promise<void> {
    if ((socket as TLSSocket & {secureConnecting: boolean}).secureConnecting) await once(socket, 'secureConnect');
    const certificate = socket.getPeerX509Certificate();
    if (!certificate) throw new Error('the service shows no certificate');
    await this.#judge!.judge(certificate);
  }

  close(): void {
    this.#agent.destroy();
  }
}
