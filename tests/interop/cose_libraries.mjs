// What two COSE libraries say of messages of ours: node cose_libraries.mjs < JSON
//   [{name, message, payload, key, kept: [from, to)…}], hex; payload: of a detached one, else null.
// Prints for each whether it verifies, and how many of its bytes can be changed without that
// being noticed (none of those that are signed).
import { COSEKey, Sign1 } from "@auth0/cose";
import cose from "cose-js";
import { readFileSync } from "node:fs";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));

async function auth0(message, payload, key) {
  const options = payload ? { detachedPayload: payload } : undefined;
  await Sign1.decode(message).verify(await COSEKey.import(key).toKeyLike(), options);
}

// It knows no detached payloads: the same message with it attached is to be given to it.
async function coseJs(message, payload, key) {
  const jwk = COSEKey.import(key).toJWK();
  const point = { x: Buffer.from(jwk.x, "base64url"), y: Buffer.from(jwk.y, "base64url") };
  const got = await cose.sign.verify(Buffer.from(message), { key: point }, { defaultType: cose.sign.Sign1Tag });
  if (!Buffer.isBuffer(got)) throw new Error("no payload");
}

async function verifies(library, ...args) {
  try {
    await library(...args);
    return true;
  } catch {
    return false;
  }
}

async function unnoticed(library, message, payload, key, signed) {
  const found = [];
  for (const [from, to] of signed)
    for (let i = from; i < to; i++) {
      const changed = Uint8Array.from(message);
      changed[i] ^= 1;
      if (await verifies(library, changed, payload, key)) found.push(i);
    }
  return found;
}

const said = {};
for (const { name, message, attached, payload, key, signed, other } of JSON.parse(readFileSync(0, "utf8"))) {
  const detached = payload ? bytes(payload) : null;
  said[name] = {
    auth0: await verifies(auth0, bytes(message), detached, bytes(key)),
    "cose-js": await verifies(coseJs, bytes(attached), null, bytes(key)),
    "auth0, another key": await verifies(auth0, bytes(message), detached, bytes(other)),
    "cose-js, another key": await verifies(coseJs, bytes(attached), null, bytes(other)),
    "auth0, changed": await unnoticed(auth0, bytes(message), detached, bytes(key), signed),
    "cose-js, changed": await unnoticed(coseJs, bytes(attached), null, bytes(key), signed.slice(0, 1)),
  };
  if (detached) {
    detached[0] ^= 1;
    said[name]["auth0, another root"] = await verifies(auth0, bytes(message), detached, bytes(key));
  }
}
console.log(JSON.stringify(said));
