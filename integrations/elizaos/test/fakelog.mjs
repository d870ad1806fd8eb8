// A log in memory that signs as a teelog does, and answers as the test wants it to: what a client
// makes of answers is shown by answers that are almost right.
import {createHash, generateKeyPairSync, randomBytes, sign} from 'node:crypto';
import http from 'node:http';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {encode} from '../dist/cbor.js';

const sha = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const leafHash = (b) => sha(Buffer.of(0), b);
const split = (n) => 2 ** Math.floor(Math.log2(n - 1));

// RFC 6962 section 2.1, as it is written there.
export function root(leaves) {
  if (leaves.length === 0) return sha('');
  if (leaves.length === 1) return leaves[0];
  const k = split(leaves.length);
  return sha(Buffer.of(1), root(leaves.slice(0, k)), root(leaves.slice(k)));
}
export function path(m, leaves) {
  if (leaves.length <= 1) return [];
  const k = split(leaves.length);
  return m < k ? [...path(m, leaves.slice(0, k)), root(leaves.slice(k))] : [...path(m - k, leaves.slice(k)), root(leaves.slice(0, k))];
}

export class FakeLog {
  statements = [];
  receipts = new Map(); // by request id
  asked = [];           // bodies of appends that came in whole
  session = 1;
  constructor(origin = 'example.org/log') {
    this.origin = origin;
    this.keys = generateKeyPairSync('ed25519');
    const raw = Buffer.concat([Buffer.of(1), this.keys.publicKey.export({format: 'der', type: 'spki'}).subarray(-32)]);
    this.id = sha(origin, '\n', raw).subarray(0, 4);
    this.key = `${origin}+${this.id.toString('hex')}+${raw.toString('base64')}`;
    this.statements.push(randomBytes(64), randomBytes(64)); // a boot and a session
  }
  leaves() {
    return this.statements.map(leafHash);
  }
  note(size = this.statements.length, origin = this.origin) {
    const text = `${origin}\n${size}\n${root(this.leaves().slice(0, size)).toString('base64')}\n`;
    return this.sign(text);
  }
  sign(text) {
    const line = Buffer.concat([this.id, sign(null, Buffer.from(text), this.keys.privateKey)]).toString('base64');
    return `${text}\n— ${this.origin} ${line}\n`;
  }
  statement(r, salt, more = {}) {
    const body = new Map([[1, salt], [2, r.roomId], [3, r.userId], [4, r.content]]);
    if (r.attributes) body.set(5, r.attributes);
    const header = encode(new Map([[1, -7], [4, Buffer.alloc(32)], [15, new Map([[1, this.origin], [2, r.agentId]])],
      [16, 'application/teelog-statement+cose'], [258, -16], [259, 'application/teelog-body+cbor'],
      [-70001, [1, r.type, this.statements.length, 1000, this.session, Buffer.alloc(32), ...(r.ref === undefined ? [] : [r.ref])]], ...(more.header ?? [])]));
    return Buffer.concat([Buffer.of(0xd2), encode([header, new Map(), sha(encode(body)), Buffer.alloc(64)])]);
  }
  receipt(index, r, salt) {
    const size = this.statements.length, statement = this.statements[index];
    return {index, seq: index, agentId: r.agentId, leafHash: leafHash(statement).toString('hex'), treeSize: size, class: 'signed', simulated: true,
      salt: salt.toString('base64'), statement: statement.toString('base64'), checkpoint: this.note(), path: path(index, this.leaves()).map((h) => h.toString('base64'))};
  }
  // Puts it there, unless it is there; and the receipt, once all of a request are.
  append(r) {
    const known = this.receipts.get(r.requestId), salt = known?.salt ?? randomBytes(16);
    if (!known) {
      this.statements.push(this.statement(r, salt));
      this.receipts.set(r.requestId, {index: this.statements.length - 1, salt});
    }
    const {index} = this.receipts.get(r.requestId);
    return () => ({...this.receipt(index, r, salt), ...(known && {repeated: true})});
  }
  // Serves on a socket of its own. change(lines, records) makes of the lines what is answered; what
  // it returns in place of a list is told to the connection: 'drop', {status, body, headers}.
  async serve(t, change = (lines) => lines) {
    const dir = mkdtempSync(join(tmpdir(), 'teelog-fake-'));
    this.socket = join(dir, 'sock');
    this.change = change;
    const server = http.createServer((request, response) => this.#answer(request, response));
    await new Promise((resolve) => server.listen(this.socket, resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
      rmSync(dir, {recursive: true});
    });
    return this.socket;
  }
  async #answer(request, response) {
    const parts = [];
    for await (const p of request) parts.push(p);
    if (request.url === '/checkpoint') return response.end(this.first?.() ?? this.note());
    if (request.url === '/v1/status') return response.end(JSON.stringify({logKey: this.key}));
    const body = Buffer.concat(parts).toString();
    this.asked.push({url: request.url, body, token: request.headers.authorization});
    const records = body.split('\n').slice(0, -1).map((line) => JSON.parse(line));
    const before = this.before?.();
    if (before) return this.#say(request, response, before);
    if (request.url.includes('session=new') && !this.deaf && records.some((r) => !this.receipts.has(r.requestId)))
      this.session = this.statements.push(randomBytes(64)) - 1;
    const lines = records.map((r) => this.append(r)).map((receipt) => receipt());
    this.#say(request, response, this.change(lines, records));
  }
  #say(request, response, what) {
    if (what === 'drop') return request.socket.destroy();
    if (what === 'hang') return;
    if (Array.isArray(what)) return response.end(what.map((l) => (typeof l === 'string' ? l : JSON.stringify(l)) + '\n').join(''));
    response.writeHead(what.status, {'Content-Length': Buffer.byteLength(what.body), ...what.headers});
    response.end(what.body);
  }
}
