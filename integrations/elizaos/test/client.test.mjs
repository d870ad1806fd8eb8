import assert from 'node:assert/strict';
import test from 'node:test';
import {Client, ConnectionError, fromEnvironment, ReceiptError, TeelogError} from '../dist/client.js';
import {FakeLog} from './fakelog.mjs';

const record = (content = 'c', more = {}) => ({agentId: 'alice', roomId: 'room', userId: 'üser', type: 'Action:PAY', content, ...more});

async function begin(t, change, options = {}) {
  const log = new FakeLog();
  const socket = await log.serve(t, change);
  const client = new Client({socket, logKey: log.key, timeout: 2000, ...options});
  t.after(() => client.close());
  return {log, client};
}

test('records get receipts in their order', async (t) => {
  const {client, log} = await begin(t);
  const got = await client.append([record('one'), record('two', {attributes: {b: 1, aa: [true, null, -7, {x: 'y'}], a: 'é'}}), record('three', {ref: 2})]);
  assert.deepEqual(got.map((r) => [r.index, r.session, r.class, r.repeated]), [[2, 1, 'signed', false], [3, 1, 'signed', false], [4, 1, 'signed', false]]);
  assert.equal(got[0].logKey, log.key);
  assert.equal(log.asked.length, 1);
});

test('members that are not known are passed over', async (t) => {
  const {client} = await begin(t, (lines) => lines.map((l) => ({...l, more: [{a: '{"a":'}, {a: 1}], index: l.index})));
  assert.equal((await client.append([record()]))[0].index, 2);
});

test('many records go in several requests', async (t) => {
  const {client, log} = await begin(t);
  const got = await client.append(Array.from({length: 260}, (_, i) => record(String(i))));
  assert.equal(got.length, 260);
  assert.equal(log.asked.length, 2);
});

// Each of these is answered by a service that the pinned key does not speak for, or by one between.
const flip = (text, at = 40) => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
const other = new FakeLog();
const hostile = {
  'another agent': [(l) => ({...l, agentId: 'bob'}), /something else/],
  'another seq': [(l) => ({...l, seq: l.seq + 1}), /something else/],
  'another leaf hash': [(l) => ({...l, leafHash: '0'.repeat(64)}), /something else/],
  'another tree size': [(l) => ({...l, treeSize: l.treeSize + 1}), /something else/],
  'another index': [(l) => ({...l, index: l.index - 1}), /not in the checkpoint's tree/],
  'an index beyond the tree': [(l) => ({...l, index: 99}), /not in the checkpoint's tree/],
  'an index that is a text': [(l) => ({...l, index: String(l.index)}), /no index/],
  'a negative index': [(l) => ({...l, index: -1}), /no index/],
  'no statement': [({statement, ...l}) => l, /statement is not base64/],
  'a statement that is altered': [(l) => ({...l, statement: flip(l.statement)}), /./],
  'base64 that is not strict': [(l) => ({...l, statement: l.statement + ' '}), /not base64/],
  'no salt': [({salt, ...l}) => l, /no salt/],
  'another salt': [(l) => ({...l, salt: Buffer.alloc(16).toString('base64')}), /another record/],
  'a short salt': [(l) => ({...l, salt: 'AAAA'}), /salt is none/],
  'no path': [({path, ...l}) => l, /no path/],
  'a path that is too short': [(l) => ({...l, path: l.path.slice(1)}), /not in the checkpoint's tree/],
  'a path that is too long': [(l) => ({...l, path: [...l.path, l.path[0]]}), /not in the checkpoint's tree/],
  'a path of 64': [(l) => ({...l, path: Array(64).fill(l.path[0])}), /no path/],
  'a path of other hashes': [(l) => ({...l, path: [flip(l.path[0], 3), ...l.path.slice(1)]}), /./],
  'a class of its own': [(l) => ({...l, class: 'cosigned 0 of 3'}), /class/],
  'no checkpoint': [({checkpoint, ...l}) => l, /no checkpoint/],
  'a checkpoint without signature': [(l) => ({...l, checkpoint: l.checkpoint.split('\n\n')[0] + '\n\n'}), /./],
  'a signature that is altered': [(l) => ({...l, checkpoint: flip(l.checkpoint, l.checkpoint.length - 12)}), /./],
  "another log's checkpoint": [(l) => ({...l, checkpoint: other.note(l.treeSize)}), /another log/],
  'a checkpoint of another origin': [(l, log) => ({...l, checkpoint: log.note(l.treeSize, 'example.org/other')}), /is of the log example.org\/other/],
  'two objects in one line': [(l) => JSON.stringify(l) + JSON.stringify(l), /./],
  'a member twice': [(l) => JSON.stringify(l).replace('{', '{"index":1,'), /twice/],
  'a list': [(l) => `[${JSON.stringify(l)}]`, /no JSON object/],
  'no JSON': [() => 'hello', /no JSON object/],
  'an error that is no text': [() => ({error: 7}), /no text/],
  'a quorum of more than there are': [(l) => ({...l, class: 'cosigned 4 of 3'}), /class/],
  'a quorum beyond bounds': [(l) => ({...l, class: `cosigned 1 of ${'1'.repeat(1000)}`}), /class/],
};
for (const [name, [alter, why]] of Object.entries(hostile))
  test(`refused: ${name}`, async (t) => {
    const {client, log} = await begin(t, (lines) => lines.map((l) => alter(l, log)));
    await assert.rejects(client.append([record()], 0), why);
  });

const forged = {
  'of another agent': {agentId: 'bob'}, 'of another type': {type: 'Action:STEAL'}, 'of another content': {content: 'other'},
  'of another room': {roomId: 'other'}, 'with a ref': {ref: 0}, 'with attributes': {attributes: {a: 1}},
};
for (const [name, more] of Object.entries(forged))
  test(`refused: a genuine receipt, ${name}`, async (t) => {
    const {client, log} = await begin(t, (lines, records) => records.map((r) => log.append({...r, ...more, requestId: 'x'})()));
    await assert.rejects(client.append([record()], 0), ReceiptError);
  });

test('refused: an older receipt of the same record', async (t) => {
  const {client, log} = await begin(t);
  const sent = {...record(), requestId: 'old'}, salt = Buffer.alloc(16);
  log.statements.push(log.statement(sent, salt));
  log.change = () => [log.receipt(2, sent, salt)];
  await assert.rejects(client.append([record()], 0), /was there before/);
  // Where the caller says that the id may have been used before, it is what it asked for.
  assert.equal((await client.append([sent]))[0].index, 2);
});

test('refused: two records for one statement', async (t) => {
  const {client} = await begin(t, (lines) => [lines[0], lines[0]]);
  await assert.rejects(client.append([record(), record()], 0), /have one statement/);
  const again = await begin(t, (lines) => [lines[0], {...lines[0], repeated: true}]);
  await assert.rejects(again.client.append([record(), record()], 0), /have one statement/);
});

test('refused: a log that was rolled back, or forked', async (t) => {
  const {client, log} = await begin(t);
  await client.append([record('one'), record('two')]);
  const kept = log.statements;
  log.statements = kept.slice(0, -1);
  log.change = (lines) => lines; // one leaf more than before: as large as it was, and another tree
  await assert.rejects(client.append([record('three')], 0), /forked|there before/);
  log.statements = kept.slice(0, 1);
  await assert.rejects(client.append([record('four', {requestId: 'x'})], 0), /rolled back/);
});

test('nothing is sent to another log', async (t) => {
  const {log} = await begin(t);
  const client = new Client({socket: log.socket, logKey: other.key});
  t.after(() => client.close());
  await assert.rejects(client.append([record('secret')], 0), /another log/);
  assert.equal(log.asked.length, 0);
});

test('what got lost is repeated with the same request ids', async (t) => {
  let times = 0;
  const {client, log} = await begin(t, (lines) => (times++ < 2 ? 'drop' : lines));
  const [receipt] = await client.append([record()]);
  assert.equal(receipt.repeated, true);
  assert.equal(log.statements.length, 3);
  assert.equal(new Set(log.asked.map((a) => a.body)).size, 1);
});

test('a service that is busy is asked again, one that refuses is not', async (t) => {
  const {client, log} = await begin(t);
  let times = 0;
  log.before = () => (times++ < 2 ? {status: 503, headers: {'Retry-After': '1'}, body: '{"error":"busy"}'} : null);
  await client.append([record()]);
  assert.equal(times, 3);
  log.before = () => ({status: 401, body: '{"error":"a token is needed","field":"Authorization"}'});
  await assert.rejects(client.append([record()]), (e) => e instanceof TeelogError && e.message === 'a token is needed' && e.field === 'Authorization' && e.status === 401);
});

test('a line that is refused is an error', async (t) => {
  const {client, log} = await begin(t, () => [{error: 'type must be …', field: 'type', line: 1}]);
  await assert.rejects(client.append([record()]), (e) => e instanceof TeelogError && e.field === 'type' && !e.later);
  log.change = () => [{error: 'busy', field: 'type', later: true}];
  await assert.rejects(client.append([record()], 0), (e) => e instanceof TeelogError && e.later);
});

test('an action: said, done, and said how it went', async (t) => {
  const {client, log} = await begin(t);
  const contents = () => log.asked.map((a) => JSON.parse(JSON.parse(a.body).content));
  const {content, ...about} = record();
  const done = await client.action(about, {to: 'bob'}, () => log.asked.length);
  assert.deepEqual([done.result, done.intent.index, done.outcome.index], [1, 2, 3]);
  await assert.rejects(client.action(about, {}, () => { throw new Error('no'); }), /^Error: no$/);
  assert.deepEqual(contents().map((c) => c.phase), ['intent', 'result', 'intent', 'failure']);
  assert.deepEqual(log.asked.map((a) => JSON.parse(a.body).ref), [undefined, 2, undefined, 4]);
  log.before = () => ({status: 503, body: '{"error":"the log is frozen"}'});
  let ran = false;
  await assert.rejects(client.action(about, {}, () => (ran = true)), /frozen/);
  assert.equal(ran, false);
  log.before = null;
  await client.action(about, {big: 2n ** 70n}, () => ({big: 2n ** 70n, text: 'x'.repeat(1 << 20)}));
  assert.match(JSON.parse(log.asked.at(-1).body).content, /^\{"sha256":/);
  log.before = () => (log.asked.length > 8 ? {status: 503, body: '{"error":"the log is frozen"}'} : null);
  await assert.rejects(client.action(about, {}, () => 'done'), (e) => e.result === 'done'); // it can be known
});

test('an outcome that is owed comes before the next action', async (t) => {
  const {client, log} = await begin(t);
  const {content, ...about} = record();
  let paid = 0;
  await assert.rejects(client.action(about, 1, () => {
    paid++;
    log.before = () => ({status: 503, body: '{"error":"the log is frozen"}'});
  }), /frozen/);
  await assert.rejects(client.action(about, 2, () => paid++), /frozen/);
  assert.equal(paid, 1);
  log.before = null;
  await client.action(about, 3, () => paid++);
  const done = [...log.receipts.keys()].map((id) => log.asked.map((a) => JSON.parse(a.body)).find((r) => r.requestId === id));
  assert.deepEqual(done.map((r) => [JSON.parse(r.content).phase, JSON.parse(r.content).parameters ?? r.ref]), [['intent', 1], ['result', 2], ['intent', 3], ['result', 4]]);
});

const broken = {
  'one that ends too early': [{status: 200, headers: {'Content-Length': 1000}, body: '{}'}, /./],
  'one that is too large': [{status: 200, body: 'x'.repeat(1 << 20)}, /longer than receipts/],
  'none': ['hang', /no answer within/],
  'one with fewer lines': [[], /one line for each/],
  'an empty one': [{status: 200, body: ''}, /one line for each/],
  'an error without words': [{status: 500, body: '<html>'}, /status 500/],
};
for (const [name, [what, why]] of Object.entries(broken))
  test(`an answer that is none: ${name}`, async (t) => {
    const {client} = await begin(t, () => what, {timeout: 300});
    await assert.rejects(client.append([record()], 0), why);
  });

test('a new session is asked for once', async (t) => {
  const {client, log} = await begin(t, undefined, {newSession: true});
  await client.append([record()]);
  await client.append([record()]);
  assert.deepEqual(log.asked.map((a) => a.url.includes('session=new')), [true, false]);
  let times = 0;
  const lost = await begin(t, (lines) => (times++ === 0 ? 'drop' : lines), {newSession: true});
  await lost.client.append([record()]); // which was opened by the request whose answer got lost
  await lost.client.append([record()]);
  assert.deepEqual(lost.log.asked.map((a) => a.url.includes('session=new')), [true, true, false]);
  assert.equal(lost.log.session, 2);
  const deaf = await begin(t, undefined, {newSession: true});
  deaf.log.deaf = true; // or somebody took the wish out of the request
  await assert.rejects(deaf.client.append([record()], 0), /older session/);
});

test('the key on first use is said, and kept', async (t) => {
  const {log} = await begin(t);
  let said;
  const client = new Client({socket: log.socket, logKey: 'on first use', onFirstUse: (key) => (said = key)});
  t.after(() => client.close());
  await client.append([record()]);
  assert.equal(said, log.key);
  const keys = log.keys;
  log.keys = other.keys;
  await assert.rejects(client.append([record()], 0), ReceiptError);
  log.keys = keys;
});

test('where it does not say which log, it does not begin', () => {
  assert.throws(() => new Client({socket: '/x', logKey: ''}), /which log\? TEELOG_LOG_KEY is missing/);
  assert.throws(() => new Client({logKey: other.key}), /TEELOG_SOCKET or TEELOG_URL/);
  assert.throws(() => new Client({socket: '/x', url: 'https://x', logKey: other.key}), /one of them alone/);
  assert.throws(() => new Client({url: 'http://example.org', logKey: other.key}), /for 127.0.0.1/);
  for (const key of ['x', other.key.replace('example', 'another'), other.key.slice(0, -1), `${other.key}=`])
    assert.throws(() => new Client({socket: '/x', logKey: key}), /log key/);
});

test('settings come from the environment', () => {
  const from = (env) => fromEnvironment((key) => env[key]);
  assert.deepEqual(from({TEELOG_SOCKET: '/s', TEELOG_TOKEN: 't', TEELOG_LOG_KEY: 'k'}), {logKey: 'k', socket: '/s', token: 't'});
  assert.deepEqual(from({TEELOG_SOCKET: '/s', TEELOG_URL: 'https://x', TEELOG_LOG_KEY: 'k'}), {logKey: 'k', url: 'https://x'}); // as of the other clients
});

test('nobody there', async () => {
  const client = new Client({socket: '/nowhere/sock', logKey: other.key});
  await assert.rejects(client.append([record()], 0), ConnectionError);
});
