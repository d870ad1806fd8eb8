/** Attested TLS (docs/format.md section 14), as far as Node goes: what a certificate of a TEE binds
 * is read and compared here; whether its quote is genuine and of code that the policy pins, the
 * `teelog` on this machine says (`teelog quote verify`, offline). */
import {execFile} from 'node:child_process';
import {createHash, type X509Certificate} from 'node:crypto';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {type Cbor, CborError, decode, encode} from './cbor.js';
import {sha256} from './merkle.js';

export interface PeerPolicy {
  /** A file: docs/policy.md. It has to pin the code. */
  policy: string;
  /** A file with collateral that counts before that in the certificate. */
  collateral?: string;
  /** The program; "teelog" on the PATH without it. */
  teelog?: string;
}

export class AttestationError extends Error {}

const DER_MAX = 131072;
const EVIDENCE = '678105050409';       // 2.23.133.5.4.9
const CMW = '2b06010505070123';        // 1.3.6.1.5.5.7.1.35
const CRITICAL = ['551d0f', '551d13']; // key usage, basic constraints
const VERIFY_MS = 30000, KEPT_MS = 600000;

/** And the kind of TEE that their quotes name (docs/format.md section 8). */
const PLATFORMS = new Map([['sgx-gramine', 0x00], ['simulator', 0x00], ['tdx-dstack', 0x81], ['tdx-tsm', 0x81]]);

function need(good: unknown, what: string): asserts good {
  if (!good) throw new AttestationError(`the service's certificate: ${what}`);
}

interface Der {
  tag: number;
  value: Buffer;
}

/** The elements one after the other, and nothing else. */
function elements(bytes: Buffer): Der[] {
  const out: Der[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at]!, first = bytes[at + 1] ?? 0x80;
    const size = first < 0x80 ? 0 : first & 0x7f;
    need(first !== 0x80 && size <= 3 && at + 2 + size <= bytes.length, 'it is not DER');
    const length = size === 0 ? first : bytes.readUIntBE(at + 2, size);
    const from = at + 2 + size;
    need((tag & 0x1f) !== 0x1f && from + length <= bytes.length, 'it is not DER');
    out.push({tag, value: bytes.subarray(from, from + length)});
    at = from + length;
  }
  return out;
}

/** The values of its extensions by their OIDs' content bytes in hex. */
function extensions(raw: Buffer): Map<string, Buffer> {
  const [certificate, ...more] = elements(raw);
  need(certificate?.tag === 0x30 && more.length === 0, 'it is not DER');
  const tbs = elements(certificate.value)[0];
  const wrapped = tbs && elements(tbs.value).find((e) => e.tag === 0xa3);
  const list = wrapped && elements(wrapped.value)[0];
  const out = new Map<string, Buffer>();
  for (const extension of list ? elements(list.value) : []) {
    const [oid, ...rest] = elements(extension.value), value = rest.at(-1);
    need(oid?.tag === 0x06 && value?.tag === 0x04 && rest.length <= 2, 'an extension of another form');
    const name = oid.value.toString('hex');
    need(!out.has(name), 'an extension stands twice');
    need(rest.length === 1 || CRITICAL.includes(name), 'a critical extension that is unknown');
    out.set(name, value.value);
  }
  return out;
}

interface Evidence {
  quote: Uint8Array;
  claims: Uint8Array;
  eventLog: Uint8Array | null;
  collateral: Uint8Array | null;
}

const isBytes = (v: Cbor | undefined): v is Uint8Array => v instanceof Uint8Array;

/** Rule 4: the key of the certificate is the one that the claims name. */
function tagged(value: Buffer | undefined, certificate: X509Certificate): [Uint8Array, Uint8Array] {
  need(value, 'it has no evidence of a TEE');
  const parts = decode(value, 60000);
  need(Array.isArray(parts) && parts.length === 2 && isBytes(parts[0]) && isBytes(parts[1]), 'evidence of another form');
  const spki = sha256(certificate.publicKey.export({format: 'der', type: 'spki'}));
  const claims = encode(new Map([['pubkey-hash', encode([1, spki])]]));
  need(claims.equals(parts[1]), 'its claims are of another key');
  return [parts[0], parts[1]];
}

/** Rule 5. */
function collection(value: Buffer | undefined, quote: Uint8Array): Pick<Evidence, 'eventLog' | 'collateral'> {
  if (!value) return {eventLog: null, collateral: null};
  const [octets, ...more] = elements(value);
  need(octets?.tag === 0x04 && more.length === 0, 'its CMW is of another form');
  const all = decode(octets.value);
  need(all instanceof Map, 'its CMW is of another form');
  const evidence = all.get('evidence'), collateral = all.get('collateral');
  need(Array.isArray(evidence) && evidence[0] === 'application/teelog-evidence+cbor' && isBytes(evidence[1]), 'its CMW has no evidence');
  const item = decode(evidence[1]);
  need(Array.isArray(item) && item.length === 3 && isBytes(item[1]) && Buffer.from(quote).equals(item[1]), 'its CMW has another quote');
  need(typeof item[0] === 'string' && PLATFORMS.get(item[0]) === quote[4], 'its CMW is of another platform than its quote');
  need(item[2] === null || isBytes(item[2]), 'its CMW is of another form');
  need(collateral === undefined || (Array.isArray(collateral) && isBytes(collateral[1])), 'its CMW is of another form');
  return {eventLog: item[2] ?? null, collateral: Array.isArray(collateral) ? (collateral[1] as Uint8Array) : null};
}

/** Rules 1 to 5. */
export function readCertificate(certificate: X509Certificate, now = Date.now()): Evidence {
  need(certificate.raw.length <= DER_MAX, 'it is too large');
  const found = extensions(certificate.raw);
  need(certificate.issuer === certificate.subject && certificate.verify(certificate.publicKey), 'it is not its own');
  need(Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo), 'it is not of this time');
  try {
    const [quote, claims] = tagged(found.get(EVIDENCE), certificate);
    return {quote, claims, ...collection(found.get(CMW), quote)};
  } catch (e) {
    if (e instanceof CborError) throw new AttestationError(`the service's certificate: ${e.message}`);
    throw e;
  }
}

/** Rules 6 to 8. */
async function verify(e: Evidence, peer: PeerPolicy): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'teelog-peer-'));
  try {
    const quote = join(dir, 'quote'), args = ['quote', 'verify', quote, '--policy', peer.policy, '--report-data', sha256(e.claims).toString('hex')];
    await writeFile(quote, e.quote);
    if (e.eventLog) {
      await writeFile(join(dir, 'eventlog'), e.eventLog);
      args.push('--event-log', join(dir, 'eventlog'));
    }
    if (peer.collateral) args.push('--collateral', peer.collateral);
    else if (e.collateral) {
      await writeFile(join(dir, 'collateral'), e.collateral);
      args.push('--collateral', join(dir, 'collateral'));
    }
    const {stdout} = await promisify(execFile)(peer.teelog ?? 'teelog', [...args, '--json'], {timeout: VERIFY_MS, maxBuffer: 1 << 20});
    // A policy may pin the signer alone, who can sign other code.
    if ((JSON.parse(stdout) as {pin?: unknown}).pin !== 'code') throw new AttestationError('its code is not pinned, its signer at most');
  } catch (e) {
    if (e instanceof AttestationError) throw new AttestationError(`the service is not what the policy pins: ${e.message}`);
    const {code, stdout = '', stderr = ''} = e as {code?: unknown; stdout?: string; stderr?: string};
    const why = [stderr, stdout].join('\n').trim().split('\n').slice(-6).join(' ').slice(0, 600);
    throw new AttestationError(`the service is not what the policy pins: ${why || `teelog quote verify: ${String(code ?? (e as Error).message)}`}`);
  } finally {
    await rm(dir, {recursive: true, force: true});
  }
}

/** Judges certificates, and remembers for ten minutes which were good. */
export class Judge {
  readonly #peer: PeerPolicy;
  readonly #good = new Map<string, number>();

  constructor(peer: PeerPolicy) {
    this.#peer = peer;
  }

  async judge(certificate: X509Certificate): Promise<void> {
    const name = createHash('sha256').update(certificate.raw).digest('hex'), now = Date.now();
    for (const [known, since] of this.#good) if (now - since > KEPT_MS) this.#good.delete(known);
    if (this.#good.has(name)) return;
    await verify(readCertificate(certificate, now), this.#peer);
    this.#good.set(name, now);
  }
}
