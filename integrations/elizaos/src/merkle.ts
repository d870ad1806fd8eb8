/** RFC 6962 trees: hashes, and proofs of inclusion (RFC 9162 section 2.1.3.2). */
import {hash} from 'node:crypto';

export const HASH_SIZE = 32;

export function sha256(...parts: (Uint8Array | string)[]): Buffer {
  const bytes = parts.map((p) => (typeof p === 'string' ? Buffer.from(p) : p));
  return hash('sha256', bytes.length === 1 ? bytes[0]! : Buffer.concat(bytes), 'buffer');
}

export const leafHash = (statement: Uint8Array): Buffer => sha256(Uint8Array.of(0), statement);
const nodeHash = (l: Uint8Array, r: Uint8Array): Buffer => sha256(Uint8Array.of(1), l, r);

/** The root of the tree of this size that has the leaf at index by this path; null where the
 * path is not that of such a leaf. */
export function inclusionRoot(leaf: Uint8Array, index: number, size: number, path: Uint8Array[]): Buffer | null {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return null;
  // Numbers are halved by division: shifts know 32 bits alone.
  let fn = index, sn = size - 1, r: Buffer = Buffer.from(leaf);
  for (const p of path) {
    if (sn === 0 || p.length !== HASH_SIZE) return null;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? r : null;
}
