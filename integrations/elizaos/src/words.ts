/** Values of an agent's as texts of a record: whatever they are, a text of bounded length comes. */
import {createHash, randomUUID} from 'node:crypto';

/** UTF-8 bytes of one text in a record; beyond, its digest and its beginning are kept. */
export const TEXT_MAX = 256 * 1024;
const KEPT = 4096;   // characters
const ID_MAX = 256;  // bytes
const TYPE_MAX = 64; // bytes
// Of a value: what goes beyond is said to be left out.
const DEPTH_MAX = 64;
const NODES_MAX = 100000;
const CHARACTERS_MAX = 16 << 20;

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

export interface Digest {
  sha256: string;
  bytes: number;
}

export function digest(text: string): Digest {
  return {sha256: hex(text), bytes: Buffer.byteLength(text)};
}

/** Of bytes, in whatever they come; undefined of anything else. A number a byte is no way to log an image. */
export function bytesDigest(value: unknown): Digest | undefined {
  const view = ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    : value instanceof ArrayBuffer || value instanceof SharedArrayBuffer ? new Uint8Array(value) : null;
  return view ? {sha256: createHash('sha256').update(view).digest('hex'), bytes: view.length} : undefined;
}

/** What no other record has: so that no receipt of another, of the same words, is one of this. */
export const fresh = (): string => randomUUID();

/** What was thrown, which may be anything. */
export function reason(e: unknown): unknown {
  try {
    return e instanceof Error ? {name: String(e.name), message: String(e.message)} : String(e);
  } catch {
    return 'what it was cannot be said';
  }
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

/** A copy of a value that JSON.stringify cannot stumble over. */
class Copy {
  readonly #above: object[] = [];
  #nodes = 0;
  #characters = 0;

  of(value: unknown): unknown {
    if (typeof value === 'string') return (this.#characters += value.length) > CHARACTERS_MAX ? '(left out)' : value;
    if (typeof value === 'bigint') return value.toString();
    if (typeof value === 'function' || typeof value === 'symbol') return undefined;
    if (typeof value !== 'object' || value === null) return value;
    if (++this.#nodes > NODES_MAX || this.#above.length > DEPTH_MAX) return '(left out)';
    if (this.#above.includes(value)) return '(cycle)';
    this.#above.push(value);
    try {
      return this.#object(value);
    } catch (e) {
      return {unserializable: reason(e)};
    } finally {
      this.#above.pop();
    }
  }

  #list(values: Iterable<unknown>): unknown[] {
    const out: unknown[] = [];
    for (const v of values) {
      if (++this.#nodes > NODES_MAX) return [...out, '(left out)'];
      out.push(this.of(v) ?? null);
    }
    return out;
  }

  #object(value: object): unknown {
    const bytes = bytesDigest(value);
    if (bytes) return bytes;
    if (value instanceof Error) return reason(value);
    const {toJSON} = value as {toJSON?: unknown};
    if (typeof toJSON === 'function') return this.of(toJSON.call(value, ''));
    if (Array.isArray(value) || value instanceof Map || value instanceof Set) return this.#list(value);
    // Not a literal: __proto__ is a name like others.
    const out = Object.create(null) as Record<string, unknown>;
    for (const key of Object.keys(value)) {
      if (++this.#nodes > NODES_MAX || (this.#characters += key.length) > CHARACTERS_MAX) return {...out, '(more)': '(left out)'};
      const member = this.of(tried(() => (value as Record<string, unknown>)[key]));
      if (member !== undefined) out[key] = member;
    }
    return out;
  }
}

/** JSON of anything: cycles are cut, and of what has no JSON it says so. */
export function json(value: unknown): string {
  return JSON.stringify(new Copy().of(value)) ?? 'null';
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
