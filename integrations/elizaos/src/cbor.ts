/** Deterministic CBOR as a log writes it (docs/format.md section 1), and no other: shortest heads,
 * map keys in strictly increasing order, no tags but where they are asked for, no floats, nothing
 * behind the end. What is read comes from outside. */

export type Cbor = number | string | boolean | null | Uint8Array | Cbor[] | CborMap;
/** Labels are integers or texts; a map has at most 64 of them. */
export type CborMap = Map<number | string, Cbor>;

export class CborError extends Error {}

const DEPTH_MAX = 16;
const COUNT_MAX = 64;
const utf8 = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

class Reader {
  at = 0;
  constructor(readonly bytes: Uint8Array) {}

  byte(): number {
    const b = this.bytes[this.at];
    if (b === undefined) throw new CborError('the bytes end too early');
    this.at++;
    return b;
  }

  take(n: number): Uint8Array {
    if (n > this.bytes.length - this.at) throw new CborError('the bytes end too early');
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }

  /** Major type and argument. */
  head(): [number, number] {
    const first = this.byte(), major = first >> 5, info = first & 31;
    if (info < 24) return [major, info];
    if (info > 27) throw new CborError('an indefinite length, or a reserved one');
    const size = 1 << (info - 24);
    const bytes = this.take(size);
    if (major === 7) throw new CborError('a float, or a simple value that is not used');
    let value = 0;
    for (const b of bytes) value = value * 256 + b;
    if (!Number.isSafeInteger(value)) throw new CborError('a number beyond 2^53 - 1');
    if (value < (info === 24 ? 24 : 2 ** (4 * size))) throw new CborError('a number that is not in its shortest form');
    return [major, value];
  }

  count(n: number): number {
    if (n > COUNT_MAX) throw new CborError('more elements than the format has anywhere');
    return n;
  }

  text(n: number): string {
    try {
      return utf8.decode(this.take(n));
    } catch (e) {
      throw e instanceof CborError ? e : new CborError('a text that is not UTF-8');
    }
  }

  map(n: number, depth: number): CborMap {
    const out: CborMap = new Map();
    let last: Uint8Array | null = null;
    for (let i = 0; i < n; i++) {
      const from = this.at, label = this.item(depth);
      const encoded = this.bytes.subarray(from, this.at);
      if (typeof label !== 'number' && typeof label !== 'string') throw new CborError('a label that is no number and no text');
      if (last && Buffer.compare(last, encoded) >= 0) throw new CborError('labels out of order, or one that stands twice');
      last = encoded;
      out.set(label, this.item(depth));
    }
    return out;
  }

  item(depth = 0): Cbor {
    if (depth > DEPTH_MAX) throw new CborError('nested too deep');
    const [major, n] = this.head();
    switch (major) {
      case 0: return n;
      case 1: {
        if (!Number.isSafeInteger(-1 - n)) throw new CborError('a number beyond 2^53 - 1');
        return -1 - n;
      }
      case 2: return this.take(n);
      case 3: return this.text(n);
      case 4: return Array.from({length: this.count(n)}, () => this.item(depth + 1));
      case 5: return this.map(this.count(n), depth + 1);
      case 7:
        if (n === 20 || n === 21) return n === 21;
        if (n === 22) return null;
    }
    throw new CborError('a tag or a simple value where none may stand');
  }
}

/** One item, and nothing behind it. Where tag is given it stands before it. Byte strings are
 * views of the bytes. */
export function decode(bytes: Uint8Array, tag?: number): Cbor {
  const r = new Reader(bytes);
  if (tag !== undefined) {
    const [major, n] = r.head();
    if (major !== 6 || n !== tag) throw new CborError(`tag ${tag} is missing`);
  }
  const item = r.item();
  if (r.at !== bytes.length) throw new CborError('bytes behind the end');
  return item;
}

function head(major: number, n: number): Buffer {
  if (!Number.isSafeInteger(n)) throw new CborError('a number that is not whole, or beyond 2^53 - 1');
  if (n < 24) return Buffer.of(major << 5 | n);
  const size = n < 0x100 ? 1 : n < 0x10000 ? 2 : n < 2 ** 32 ? 4 : 8;
  const out = Buffer.alloc(1 + size);
  out[0] = major << 5 | (24 + Math.log2(size));
  if (size === 8) out.writeBigUInt64BE(BigInt(n), 1);
  else out.writeUIntBE(n, 1, size);
  return out;
}

function encodeMap(entries: [unknown, unknown][]): Buffer {
  const rows = entries.map(([k, v]) => [encode(k), encode(v)] as const).sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat([head(5, rows.length), ...rows.flat()]);
}

/** Of what JSON can say, and of bytes and of maps with labels. */
export function encode(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value === 0 ? 0 : value);
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8');
    return Buffer.concat([head(3, bytes.length), bytes]);
  }
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (value === null) return Buffer.of(0xf6);
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([head(4, value.length), ...value.map(encode)]);
  if (value instanceof Map) return encodeMap([...value]);
  if (typeof value === 'object') return encodeMap(Object.entries(value));
  throw new CborError('a value that CBOR here does not have');
}
