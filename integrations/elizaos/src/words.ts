/** Values of an agent's as texts of a record: whatever they are, a text of bounded length comes. */
import {createHash} from 'node:crypto';

/** UTF-8 bytes of one text in a record; beyond, its digest and its beginning are kept. */
export const TEXT_MAX = 256 * 1024;
const KEPT = 4096;   // characters
const ID_MAX = 256;  // bytes
const TYPE_MAX = 64; // bytes

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

export interface Digest {
  sha256: string;
  bytes: number;
}

export function digest(text: string): Digest {
  return {sha256: hex(text), bytes: Buffer.byteLength(text)};
}

function replace(this: unknown, key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return undefined;
  if (value instanceof Error) return {name: value.name, message: value.message};
  if (value instanceof Map || value instanceof Set) return [...value];
  if (ArrayBuffer.isView(value)) return {sha256: createHash('sha256').update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)).digest('hex'), bytes: value.byteLength};
  const before = key === '' ? value : (this as Record<string, unknown>)[key];
  // Buffer's own toJSON came before us: a number a byte is no way to log an image.
  if (Buffer.isBuffer(before)) return {sha256: createHash('sha256').update(before).digest('hex'), bytes: before.length};
  return value;
}

/** JSON of a value; throws where it has a getter that does, or is nested too deep. */
function strict(value: unknown): string {
  const above: unknown[] = [];
  return JSON.stringify(value, function (this: unknown, key, v: unknown) {
    while (above.length > 0 && above.at(-1) !== this) above.pop();
    const out = replace.call(this, key, v);
    if (typeof out !== 'object' || out === null) return out;
    if (above.includes(out)) return '(cycle)';
    above.push(out);
    return out;
  }) ?? 'null';
}

export interface Unserializable {
  unserializable: unknown;
}

/** What make says, or that it cannot be said: what other people's values do when they are looked
 * at is their own affair. */
export function tried<T>(make: () => T): T | Unserializable {
  try {
    return make();
  } catch (e) {
    return {unserializable: reason(e)};
  }
}

/** A member of JSON text. */
function member(key: string, value: () => unknown): string {
  const text = tried(() => strict(value()));
  return `${JSON.stringify(key)}:${typeof text === 'string' ? text : JSON.stringify(text)}`;
}

/** JSON of an object of ours, of whose members each may be anything: cycles are cut, and of what has no
 * JSON it says so. */
export function json(value: unknown): string {
  const text = tried(() => strict(value));
  if (typeof text === 'string') return text;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return JSON.stringify(text);
  return `{${Object.keys(value).map((key) => member(key, () => (value as Record<string, unknown>)[key])).join(',')}}`;
}

/** What was thrown, which may be anything. */
export function reason(e: unknown): unknown {
  try {
    return e instanceof Error ? {name: String(e.name), message: String(e.message)} : String(e);
  } catch {
    return 'what it was cannot be said';
  }
}

/** The text, or what is known of one that is too long. A record's texts are valid Unicode. */
export function bounded(text: string): string {
  if (text.length <= TEXT_MAX / 3 || Buffer.byteLength(text) <= TEXT_MAX) return text.toWellFormed();
  return JSON.stringify({...digest(text), begins: text.slice(0, KEPT).toWellFormed()});
}

/** A room's or a user's id; one that is too long is represented by its digest. */
export function id(value: unknown): string {
  const text = typeof value === 'string' ? value.toWellFormed() : '';
  return Buffer.byteLength(text) <= ID_MAX ? text : `sha256:${hex(text)}`;
}

/** A record's type. It is public: of names with other letters than it may have, these are
 * replaced, and of long ones the end is a digest. */
export function type(family: string, name: string): string {
  const text = `${family}:${name}`.replace(/[^A-Za-z0-9._:/ -]/g, '-');
  return text.length <= TYPE_MAX ? text : `${text.slice(0, TYPE_MAX - 9)}-${hex(name).slice(0, 8)}`;
}
