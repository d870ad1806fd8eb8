/** Whether a full receipt is one of what was sent, in the log that is pinned: the nine steps of "What
 * a client checks" in docs/format.md section 11. Nothing of what a service, or whoever stands
 * between, answers is believed without it. */
import {type Cbor, CborError, type CborMap, decode, encode} from './cbor.js';
import {HASH_SIZE, inclusionRoot, leafHash, sha256} from './merkle.js';
import {base64, checkpoint, type Checkpoint, type LogKey, NoteError} from './note.js';

/** One record, as POST /v1/records takes it. */
export interface LogRecord {
  agentId: string;
  roomId: string;
  userId: string;
  type: string;
  content: string;
  /** The index of an earlier statement of the same agent that this one answers. */
  ref?: number;
  attributes?: Record<string, unknown>;
  requestId: string;
}

/** A record on its way. */
export interface Outgoing {
  /** As JSON has it: no members that are undefined. */
  record: LogRecord;
  /** The lowest index that it can have: the log had so many leaves before it was first sent. 0
   * where that is not known; null before that. */
  least: number | null;
}

/** A receipt that was checked. */
export interface Receipt {
  index: number;
  seq: number;
  /** The index of the session's statement. */
  session: number;
  /** Milliseconds since 1970, by the service's clock. */
  time: number;
  type: string;
  /** "signed", "degraded" or "cosigned K of N": the service's word. */
  class: string;
  simulated: boolean;
  repeated: boolean;
  leafHash: string;
  treeSize: number;
  logKey: string;
}

/** What this client has seen of the log: it never goes back. */
export interface Seen {
  last: Checkpoint | null;
}

export class ReceiptError extends Error {
  constructor(what: string) {
    super(`the receipt is not to be believed: ${what}`);
  }
}

const STATEMENT_MAX = 65535;
const PATH_MAX = 63;
const SALT_SIZE = 16;
const CLASS = /^(?:signed|degraded|cosigned ([1-9][0-9]?|100) of ([1-9][0-9]?|100))$/;
const HEADER = [1, 4, 15, 16, 258, 259, -70001];

export type Json = Record<string, unknown>;

function need(good: unknown, what: string): asserts good {
  if (!good) throw new ReceiptError(what);
}

const isIndex = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const isMap = (v: Cbor | undefined): v is CborMap => v instanceof Map;
const isBytes = (v: Cbor | undefined, n: number): v is Uint8Array => v instanceof Uint8Array && v.length === n;

function bytesOf(v: unknown, what: string): Buffer {
  const bytes = typeof v === 'string' ? base64(v) : null;
  need(bytes, `${what} is not base64`);
  return bytes;
}

/** A statement's header (docs/format.md section 3), its labels and no others. */
interface Statement {
  origin: string;
  subject: string;
  type: string;
  seq: number;
  time: number;
  session: number;
  ref: number | undefined;
  payload: Uint8Array;
}

function readHeader(protectedBytes: Uint8Array, payload: Uint8Array): Statement {
  const h = decode(protectedBytes);
  need(isMap(h) && h.size === HEADER.length && HEADER.every((label) => h.has(label)), 'the statement has another header');
  const names = h.get(15), more = h.get(-70001), alg = h.get(1);
  need(alg === -7 || alg === -47, 'the statement has another algorithm');
  need(isBytes(h.get(4), HASH_SIZE) && h.get(258) === -16 && h.get(259) === 'application/teelog-body+cbor', 'the statement has another header');
  need(h.get(16) === 'application/teelog-statement+cose', 'it is no statement of an agent');
  need(isMap(names) && names.size === 2, 'the statement names no log and agent');
  need(Array.isArray(more) && (more.length === 6 || more.length === 7), 'the statement has another header');
  const [version, type, seq, time, session, prev, ref] = more;
  const origin = names.get(1), subject = names.get(2);
  need(version === 1 && typeof type === 'string' && isIndex(seq) && isIndex(time) && isIndex(session) &&
    (ref === undefined || isIndex(ref)) && typeof origin === 'string' && typeof subject === 'string' &&
    (seq === 0 ? prev === null : isBytes(prev, HASH_SIZE)), 'the statement has another header');
  return {origin, subject, type, seq, time, session, ref, payload};
}

function readStatement(bytes: Uint8Array): Statement {
  need(bytes.length <= STATEMENT_MAX, 'the statement is too long');
  const parts = decode(bytes, 18);
  need(Array.isArray(parts) && parts.length === 4, 'the statement is no COSE_Sign1');
  const [header, unprotected, payload, signature] = parts;
  need(header instanceof Uint8Array && isMap(unprotected) && unprotected.size === 0 && isBytes(payload, 32) && isBytes(signature, 64),
    'the statement is no COSE_Sign1 of ours');
  return readHeader(header, payload);
}

/** A line of an answer: one object, of which no member stands twice. */
export function readLine(line: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    json = null;
  }
  need(typeof json === 'object' && json !== null && !Array.isArray(json), 'it is no JSON object');
  // A text with a colon behind it is a member's name; those of members that are not known are passed over.
  const names: string[] = [];
  let depth = 0;
  for (const [token, text, colon] of line.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")\s*(:?)|[{}[\]]/g)) {
    if (text) depth === 1 && colon && names.push(JSON.parse(text) as string);
    else depth += token === '{' || token === '[' ? 1 : -1;
  }
  need(new Set(names).size === names.length, 'a member of it stands twice');
  return json as Json;
}

/** The tree in which the statement stands, under the pinned key. */
function inTree(json: Json, leaf: Buffer, key: LogKey): Checkpoint {
  need(typeof json.checkpoint === 'string', 'it has no checkpoint');
  const tree = checkpoint(json.checkpoint, key);
  need(Array.isArray(json.path) && json.path.length <= PATH_MAX, 'it has no path');
  const path = json.path.map((p) => bytesOf(p, 'the path'));
  need(isIndex(json.index), 'it has no index');
  need(inclusionRoot(leaf, json.index, tree.size, path)?.equals(tree.root), "the statement is not in the checkpoint's tree");
  return tree;
}

/** The log does not shrink and does not change, and what was there before is another record's. */
export function grows(tree: Checkpoint, seen: Seen): void {
  const {last} = seen;
  need(!last || tree.size >= last.size, `the log had ${last?.size} statements and now shows ${tree.size}: it was rolled back, or there are two of it`);
  need(!last || tree.size > last.size || tree.root.equals(last.root), `the log has signed two different trees of ${tree.size} statements: it was forked`);
}

/** H(body) as section 5 has it, with the service's salt and all else as it was sent. */
function sentDigest(salt: unknown, sent: LogRecord): Buffer {
  need(salt !== undefined, 'it has no salt: the record was erased since, or the service is too old');
  const bytes = bytesOf(salt, 'the salt');
  need(bytes.length === SALT_SIZE, 'its salt is none');
  const body = new Map<number, unknown>([[1, bytes], [2, sent.roomId], [3, sent.userId], [4, sent.content]]);
  if (sent.attributes) body.set(5, sent.attributes);
  return sha256(encode(body));
}

function isOf(s: Statement, sent: LogRecord, key: LogKey): void {
  need(s.origin === key.origin, `it is of another record than was sent, in the log ${s.origin}`);
  need(s.subject === sent.agentId, `it is of another record than was sent, of the agent ${s.subject}`);
  need(s.type === sent.type, `it is of another record than was sent, of the type ${s.type}`);
  need(!s.type.startsWith('teelog.'), 'the statement is the log\'s own');
  need(s.ref === sent.ref, 'it is of another record than was sent: its ref');
}

function judge(json: Json, sent: Outgoing, key: LogKey, seen: Seen): Receipt {
  const bytes = bytesOf(json.statement, 'the statement');
  const leaf = leafHash(bytes), s = readStatement(bytes), tree = inTree(json, leaf, key), index = json.index as number;
  isOf(s, sent.record, key);
  need(sentDigest(json.salt, sent.record).equals(s.payload), 'it is of another record than was sent: its roomId, userId, content or attributes');
  need(json.seq === s.seq && json.agentId === s.subject && json.leafHash === leaf.toString('hex') && json.treeSize === tree.size,
    'it says something else than its statement and checkpoint');
  const quorum = typeof json.class === 'string' ? CLASS.exec(json.class) : null;
  need(quorum && (quorum[1] === undefined || Number(quorum[1]) <= Number(quorum[2])), 'its class is none');
  need(index >= (sent.least ?? 0), `statement ${index} was there before this record was sent: it is an older one's`);
  grows(tree, seen);
  seen.last = tree;
  return {index, seq: s.seq, session: s.session, time: s.time, type: s.type, class: json.class as string,
    simulated: json.simulated === true, repeated: json.repeated === true, leafHash: leaf.toString('hex'),
    treeSize: tree.size, logKey: key.text};
}

/** What is wrong with bytes is wrong with the receipt. */
export function believing<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    if (e instanceof CborError || e instanceof NoteError) throw new ReceiptError(e.message);
    throw e;
  }
}

/** One line of the answer, against the record that was sent. What was seen grows with it. */
export function checkReceipt(line: Json, sent: Outgoing, key: LogKey, seen: Seen): Receipt {
  return believing(() => judge(line, sent, key, seen));
}
