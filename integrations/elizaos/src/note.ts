/** Signed notes and checkpoints (c2sp.org/signed-note, tlog-checkpoint) under one log key. */
import {createPublicKey, type KeyObject, verify} from 'node:crypto';
import {HASH_SIZE, sha256} from './merkle.js';

export class NoteError extends Error {}

export interface LogKey {
  /** As it was given: "NAME+hash+base64". */
  text: string;
  origin: string;
  id: Buffer;
  key: KeyObject;
}

export interface Checkpoint {
  size: number;
  root: Buffer;
}

const NOTE_MAX = 65536;
const LINES_MAX = 100;
const SPKI = Buffer.from('302a300506032b6570032100', 'hex'); // DER before an Ed25519 key (RFC 8410)

/** The bytes of strict base64, or null. */
export function base64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

/** A log's verifier key, as the log prints it. */
export function logKey(text: string): LogKey {
  const m = /^([A-Za-z0-9._:@/-]{1,128})\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text);
  const bytes = m && base64(m[3]!);
  if (!m || !bytes || bytes.length !== 33 || bytes[0] !== 1)
    throw new NoteError('a log key is NAME+8 hex digits+base64 of an Ed25519 key, as the log prints it');
  const origin = m[1]!, id = m[2]!;
  const want = sha256(origin, '\n', bytes).subarray(0, 4);
  if (want.toString('hex') !== id) throw new NoteError(`the log key's hash is not that of its name and key: ${text}`);
  const key = createPublicKey({key: Buffer.concat([SPKI, bytes.subarray(1)]), format: 'der', type: 'spki'});
  return {text, origin, id: want, key};
}

/** Text and signature lines of a note: the last empty line stands between them. */
function parts(note: string): [string, string[]] {
  if (Buffer.byteLength(note) > NOTE_MAX) throw new NoteError('a note of more than 64 KiB');
  const at = note.lastIndexOf('\n\n');
  if (at < 0 || !note.endsWith('\n')) throw new NoteError('no signed note');
  const lines = note.slice(at + 2, -1).split('\n');
  if (lines.length > LINES_MAX) throw new NoteError('a note of more than 100 signatures');
  return [note.slice(0, at + 1), lines];
}

/** Whether one line is this key's, and good. One that says it is this key's and is not good spoils
 * the note. */
function signedBy(key: LogKey, text: string, line: string): boolean {
  const m = /^— ([^ +]+) ([A-Za-z0-9+/=]+)$/u.exec(line);
  const bytes = m && base64(m[2]!);
  if (!m || !bytes || bytes.length < 5) throw new NoteError('a signature line that is none');
  if (m[1] !== key.origin || !bytes.subarray(0, 4).equals(key.id)) return false;
  if (bytes.length !== 68 || !verify(null, Buffer.from(text), key.key, bytes.subarray(4)))
    throw new NoteError('the checkpoint is not signed by the pinned log key');
  return true;
}

/** Receipts of one request have one checkpoint: it is verified once. */
let known: {note: string; key: LogKey; tree: Checkpoint} | null = null;

/** What the checkpoint says, which this key has signed. */
export function checkpoint(note: string, key: LogKey): Checkpoint {
  if (known?.note !== note || known.key !== key) known = {note, key, tree: read(note, key)};
  return known.tree;
}

function read(note: string, key: LogKey): Checkpoint {
  const [text, lines] = parts(note);
  if (lines.map((line) => signedBy(key, text, line)).filter(Boolean).length !== 1)
    throw new NoteError(`the checkpoint is not signed by the pinned log key ${key.text}: this is another log, or the pin is wrong`);
  const [origin, digits = '', encoded = '', end, ...more] = text.split('\n');
  const size = Number(digits), root = base64(encoded);
  if (origin !== key.origin) throw new NoteError(`the checkpoint is of the log ${origin}, not of ${key.origin}`);
  if (end !== '' || more.length || !/^(?:0|[1-9][0-9]{0,15})$/.test(digits) || !Number.isSafeInteger(size) || root?.length !== HASH_SIZE)
    throw new NoteError('a checkpoint of another form');
  return {size, root};
}
