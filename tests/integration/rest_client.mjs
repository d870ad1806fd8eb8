// A client of the original's REST, as its users have one: fetch, JSON, and what an
// answer's attestation is over. Usage: rest_client.mjs BASE [SOCKET]: fetch from BASE,
// resp. through a Unix socket. The log holds what test_rest.py put there.
import assert from 'node:assert/strict';
import { createHash, createPublicKey, ECDH, randomBytes, verify } from 'node:crypto';
import http from 'node:http';

const [base, socketPath, token] = process.argv.slice(2);

// As much of fetch as a client of these routes uses, over a Unix socket.
function fetchFromSocket(url, { method = 'GET', headers = {}, body } = {}) {
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { socketPath, method, headers: { ...headers, ...length } },
      (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('end', () => {
          const text = Buffer.concat(parts).toString();
          const get = (name) => answer.headers[name.toLowerCase()] ?? null;
          resolve({
            status: answer.statusCode,
            ok: answer.statusCode < 300,
            headers: { get },
            json: async () => JSON.parse(text),
          });
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
const get = socketPath ? fetchFromSocket : fetch;

async function call(path, body) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  const options =
    body === undefined
      ? { headers }
      : {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        };
  for (;;) {
    const response = await get(base + path, options);
    if (response.status !== 503) return response;
    const seconds = Number(response.headers.get('retry-after'));
    assert.ok(seconds > 0, 'a 503 that does not say when to ask again');
    await new Promise((done) => setTimeout(done, seconds * 1000));
  }
}

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

// The quote's report data: 48 bytes of header, then an SGX report.
function reportData(attestation) {
  const { quote, timestamp, ...rest } = JSON.parse(attestation);
  assert.deepEqual(rest, {});
  assert.match(quote, /^0x[0-9a-f]+$/);
  assert.equal(typeof timestamp, 'number');
  return Buffer.from(quote.slice(2), 'hex').subarray(368, 432);
}

async function attested(response, nonce) {
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type'), /^application\/json/);
  const { attestation, ...rest } = await response.json();
  const second = nonce ? sha256('teelog/rest/v1\0', nonce) : Buffer.alloc(32);
  const want = Buffer.concat([sha256(JSON.stringify(rest)), second]);
  assert.equal(reportData(attestation).toString('hex'), want.toString('hex'));
  return rest;
}

async function refused(response, status, text) {
  const { error } = await response.json();
  assert.equal(response.status, status);
  assert.equal(typeof error, 'string');
  if (text) assert.equal(error, text);
}

function checkAgent(agent, id) {
  assert.equal(agent.agentId, id);
  for (const name of ['id', 'agentName', 'publicKey', 'attestation'])
    assert.equal(typeof agent[name], 'string', name);
  assert.ok(Number.isInteger(agent.createdAt));
  assert.match(agent.publicKey, /^0[23][0-9a-f]{64}$/);
  reportData(agent.attestation);
}

// The signature in the row is over the statement in the row.
function cborHead(bytes, at) {
  const info = bytes[at] & 31;
  if (info < 24) return [info, at + 1];
  const size = 1 << (info - 24);
  return [bytes.readUIntBE(at + 1, size), at + 1 + size];
}

function checkSignature(row) {
  const statement = Buffer.from(row.statement, 'base64');
  let [n, at] = cborHead(statement, 2); // d2 84, then the protected header
  const header = statement.subarray(2, at + n);
  const payload = statement.subarray(at + n + 1, at + n + 1 + 34); // after a0: 58 20 and 32 bytes
  const signed = Buffer.concat([Buffer.from('846a5369676e617475726531', 'hex'), header,
    Buffer.from([0x40]), payload]);
  assert.ok(payload.subarray(2).equals(sha256(Buffer.from(row.body, 'base64'))));
  const [curve, crv] = row.agentId === 'alice' ? ['prime256v1', 'P-256'] : ['secp256k1', 'secp256k1'];
  assert.equal(row.alg, row.agentId === 'alice' ? 'ES256' : 'ES256K');
  const point = Buffer.from(
    ECDH.convertKey(row.publicKey, curve, 'hex', 'hex', 'uncompressed'), 'hex');
  const key = createPublicKey({
    format: 'jwk',
    key: { kty: 'EC', crv, x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url') },
  });
  const der = Buffer.from(row.signature.slice(2), 'hex');
  assert.ok(verify('sha256', signed, { key, dsaEncoding: 'der' }, der));
}

function checkLog(row) {
  for (const name of ['id', 'agentId', 'roomId', 'userId', 'type', 'content', 'signature'])
    assert.equal(typeof row[name], 'string', name);
  assert.ok(Number.isInteger(row.timestamp));
  assert.match(row.signature, /^0x30[0-9a-f]+$/);
  checkSignature(row);
}

// Agents.
const { agents } = await attested(await call('/tee/agents'));
assert.deepEqual(agents.map((a) => a.agentId), ['alice', 'b/o:b']);
for (const agent of agents) {
  const path = `/tee/agents/${encodeURIComponent(agent.agentId)}`;
  const { agent: alone } = await attested(await call(path));
  assert.deepEqual(alone, agent);
  checkAgent(agent, alone.agentId);
}
await refused(await call('/tee/agents/carol'), 404, 'Agent not found');

// Logs: pages, filters, all of what JSON can hold.
async function logs(query, page, pageSize) {
  const nonce = randomBytes(32);
  const body = { query, page, pageSize, nonce: nonce.toString('hex') };
  const { logs: answer } = await attested(await call('/tee/logs', body), nonce);
  answer.data.forEach(checkLog);
  assert.equal(answer.page, page ?? 1);
  assert.equal(answer.pageSize, pageSize ?? 10);
  return answer;
}

const { logs: first } = await attested(await call('/tee/logs', {}));
assert.equal(first.total, 25);
assert.equal(first.data.length, 10);
const all = [];
for (let page = 1; page <= 4; page++) all.push(...(await logs({}, page, 8)).data);
assert.deepEqual(all.map((row) => row.content.split(' ')[0]), [...Array(25).keys()].map(String));
assert.deepEqual(first.data, all.slice(0, 10));
for (let i = 1; i < all.length; i++) assert.ok(all[i].timestamp >= all[i - 1].timestamp);

const contents = async (query) => {
  const { total, data } = await logs(query, undefined, 100);
  assert.equal(total, data.length);
  return data.map((row) => Number(row.content.split(' ')[0]));
};
const every = (test) => [...Array(25).keys()].filter(test);
assert.deepEqual(await contents({ agentId: 'alice' }), every((i) => i % 2 === 0));
assert.deepEqual(await contents({ roomId: 'room 1' }), every((i) => i % 3 === 1));
assert.deepEqual(await contents({ userId: 'üser' }), every(() => true));
assert.deepEqual(await contents({ type: 'Action:ASK' }), every((i) => i % 5 === 0));
assert.deepEqual(await contents({ agentId: 'alice', roomId: 'room 2', type: '' }),
  every((i) => i % 6 === 2));
assert.deepEqual(await contents({ containsContent: '100%' }), [7]);
assert.deepEqual(await contents({ containsContent: '%' }), [7]);
assert.deepEqual(await contents({ containsContent: '\u2028"\\\n\u0000\u007f\ud83e\udd80' }), [9]);
assert.deepEqual(await contents({ containsContent: 'nowhere' }), []);
const at = all[12].timestamp;
assert.deepEqual(await contents({ startTimestamp: at }), every((i) => all[i].timestamp >= at));
assert.deepEqual(await contents({ endTimestamp: at }), every((i) => all[i].timestamp <= at));
assert.deepEqual(await contents({ agentId: undefined, startTimestamp: 0, endTimestamp: null }),
  every(() => true));

// Errors.
for (const bad of [{ page: -1 }, { pageSize: -1 }, { pageSize: 1001 }, { page: '1' },
  { query: { agentId: 7 } }, { query: [] }, { query: { agent: 'alice' } }])
  await refused(await call('/tee/logs', bad), 400);

console.log('good');
