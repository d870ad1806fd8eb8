/** Whether a full receipt (docs/format.md section 11) is one of what was sent, in the log that is
 * pinned. Nothing of what a service, or whoever stands between, answers is believed without it. */
import {type Cbor, CborError, type CborMap, decode} from './cbor.js';
import {HASH_SIZE, inclusionRoot, leafHash} from './merkle.js';
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
const PATH_MAX = 64;
const CLASS = /^(?:signed|degraded|cosigned [1-9][0-9]* of [1-9][0-9]*)$/;
const HEADER = [1, 4, 15, 16, 258, 259, -70001];

type Json = Record<string, unknown>;

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
}

function readHeader(protectedBytes: Uint8Array): Statement {
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
    (prev === null ? seq === 0 : isBytes(prev, HASH_SIZE)), 'the statement has another header');
  return {origin, subject, type, seq, time, session, ref};
}

function readStatement(bytes: Uint8Array): Statement {
  need(bytes.length <= STATEMENT_MAX, 'the statement is too long');
  const parts = decode(bytes, 18);
  need(Array.isArray(parts) && parts.length === 4, 'the statement is no COSE_Sign1');
  const [header, unprotected, payload, signature] = parts;
  need(header instanceof Uint8Array && isMap(unprotected) && unprotected.size === 0 && isBytes(payload, 32) && isBytes(signature, 64),
    'the statement is no COSE_Sign1 of ours');
  return readHeader(header);
}

/** The tree in which the statement stands. The log does not shrink, and does not change. */
function inTree(json: Json, leaf: Buffer, key: LogKey, seen: Seen): Checkpoint {
  need(typeof json.checkpoint === 'string', 'it has no checkpoint');
  const tree = checkpoint(json.checkpoint, key);
  need(Array.isArray(json.path) && json.path.length <= PATH_MAX, 'it has no path');
  const path = json.path.map((p) => bytesOf(p, 'the path'));
  need(json.treeSize === tree.size, 'its size is not that of the checkpoint');
  need(isIndex(json.index), 'it has no index');
  need(inclusionRoot(leaf, json.index, tree.size, path)?.equals(tree.root), "the statement is not in the checkpoint's tree");
  const {last} = seen;
  need(!last || tree.size >= last.size, `the log has ${tree.size} leaves and had ${last?.size}: an older state is being shown`);
  need(!last || tree.size > last.size || tree.root.equals(last.root), `the log shows two trees of ${tree.size} leaves`);
  return tree;
}

function isOf(s: Statement, sent: LogRecord, key: LogKey): void {
  need(s.origin === key.origin, `the statement is of the log ${s.origin}`);
  need(s.subject === sent.agentId, `the statement is of the agent ${s.subject}`);
  need(s.type === sent.type, `the statement is of the type ${s.type}`);
  need(s.ref === sent.ref, 'the statement answers another one');
}

/** One line of the answer, against the record that was sent. What was seen grows with it. */
export function checkReceipt(json: unknown, sent: LogRecord, key: LogKey, seen: Seen): Receipt {
  try {
    need(typeof json === 'object' && json !== null && !Array.isArray(json), 'it is no object');
    const r = json as Json;
    const bytes = bytesOf(r.statement, 'the statement');
    const leaf = leafHash(bytes), s = readStatement(bytes);
    isOf(s, sent, key);
    const tree = inTree(r, leaf, key, seen);
    need(r.seq === s.seq && r.agentId === s.subject && r.leafHash === leaf.toString('hex'), 'it says something else than the statement');
    need(typeof r.class === 'string' && CLASS.test(r.class), 'its class is none');
    need(s.session < (r.index as number), 'its session comes after it');
    seen.last = tree;
    return {index: r.index as number, seq: s.seq, session: s.session, time: s.time, type: s.type, class: r.class,
      simulated: r.simulated === true, repeated: r.repeated === true, leafHash: leaf.toString('hex'),
      treeSize: tree.size, logKey: key.text};
  } catch (e) {
    if (e instanceof CborError || e instanceof NoteError) throw new ReceiptError(e.message);
    throw e;
  }
}
