import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import test from 'node:test';
import {ConnectionError, TeelogError} from '../dist/client.js';
import {Queue, QueueFull, within} from '../dist/queue.js';

const record = (content = 'c') => ({agentId: 'a', roomId: '', userId: '', type: 'T', content});
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A client that keeps what it is given, and answers when it is let.
class Log {
  batches = [];
  kept = [];
  fail = null; // what it throws
  gate = Promise.resolve();
  async submit(sent) {
    this.batches.push(sent.map((s) => ({...s.record})));
    await this.gate;
    if (this.fail) throw this.fail;
    return sent.map((s) => {
      if (s.record.content === 'refused') return new TeelogError('no', 400, false);
      this.kept.push({...s.record});
      return {index: 100 + this.kept.length - 1};
    });
  }
}
const limits = {count: 4, bytes: 1 << 20};

test('what waits goes together, in its order', async () => {
  const log = new Log(), queue = new Queue(log, {count: 1000, bytes: 1 << 20});
  queue.put(record('a'), null, false);
  queue.put(record('b'), null, false);
  const last = queue.put(record('c'));
  assert.equal((await last.done).index, 102);
  assert.deepEqual(log.batches.map((b) => b.length), [3]);
  assert.deepEqual(log.kept.map((r) => r.content), ['a', 'b', 'c']);
  assert.equal(queue.length, 0);
  assert.equal(queue.bytes, 0);
});

test('an outcome goes once the index of its intent is known', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  const intent = queue.put(record('intent'), null, false);
  const outcome = queue.put(record('outcome'), intent);
  await outcome.done;
  assert.deepEqual(log.batches.map((b) => b.map((r) => r.content)), [['intent'], ['outcome']]);
  assert.equal(log.kept[1].ref, 100);
});

test('the outcome of an intent that the log refused has no ref', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  const intent = queue.put(record('refused'));
  await assert.rejects(intent.done, /no/);
  const outcome = queue.put(record('outcome'), intent);
  await outcome.done;
  assert.equal('ref' in log.kept[0], false);
});

test('it is bounded, and an outcome has its place', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  let open;
  log.gate = new Promise((resolve) => (open = resolve));
  const first = queue.put(record());
  for (let i = 0; i < 3; i++) queue.put(record());
  assert.throws(() => queue.put(record()), QueueFull);
  const outcome = queue.put(record('outcome'), first);
  open();
  await outcome.done;
  assert.equal(log.kept.length, 5);
  assert.throws(() => queue.put(record('x'.repeat(1 << 20))), QueueFull);
});

test('what got lost is repeated as it was', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  log.fail = new ConnectionError('gone');
  const entry = queue.put(record());
  await pause(80);
  assert.equal(queue.trouble, 'gone');
  log.fail = null;
  await entry.done;
  assert.equal(queue.trouble, null);
  assert.ok(log.batches.length > 1);
  assert.equal(new Set(log.batches.map((b) => b[0].requestId)).size, 1);
  assert.equal(log.kept.length, 1);
});

test('what people have to mend is not thrown away', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  log.fail = new TeelogError('a token is needed', 401, false);
  const entry = queue.put(record());
  await pause(30);
  log.fail = null;
  await pause(30);
  queue.put(record('another')); // somebody waits: it is tried at once, not in a second
  assert.notEqual(await within(entry.done, 500), undefined);
});

test('a record that comes later does not overtake one that the log takes later', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  const submit = log.submit.bind(log);
  let times = 0;
  log.submit = async (sent) => (times++ === 0 ? [new TeelogError('repeat it later', 400, true), new TeelogError('repeat it later', 400, true)] : submit(sent));
  queue.put(record('one'), null, false);
  await queue.put(record('two')).done;
  assert.deepEqual(log.kept.map((r) => r.content), ['one', 'two']);
});

test('the end gives what waits a while, and takes no more', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  queue.put(record(), null, false);
  assert.equal(await queue.close(1000), 0);
  assert.equal(log.kept.length, 1);
  assert.throws(() => queue.put(record()), QueueFull);
  const stuck = new Log(), other = new Queue(stuck, limits);
  stuck.fail = new ConnectionError('gone');
  const entry = other.put(record());
  assert.equal(await other.close(50), 1);
  await assert.rejects(entry.done, QueueFull);
});

test('a request is of one agent', async () => {
  const log = new Log(), queue = new Queue(log, limits);
  queue.put(record('one'), null, false);
  await queue.put({...record('two'), agentId: 'b'}).done;
  assert.deepEqual(log.batches.map((b) => b.map((r) => r.agentId)), [['a'], ['b']]);
});

test('a process that ends while the log is away ends', () => {
  const code = `
    import {ConnectionError} from './dist/client.js';
    import {Queue} from './dist/queue.js';
    const queue = new Queue({submit: async () => { throw new ConnectionError('gone'); }}, {count: 4, bytes: 1 << 20});
    queue.put({agentId: 'a', roomId: '', userId: '', type: 'T', content: 'c'});`;
  const done = spawnSync(process.execPath, ['--input-type=module', '-e', code], {cwd: new URL('..', import.meta.url), timeout: 60000});
  assert.equal(done.status, 0, String(done.stderr));
});

test('within', async () => {
  assert.equal(await within(Promise.resolve(1), 1000), 1);
  assert.equal(await within(new Promise(() => {}), 10), undefined);
  await assert.rejects(within(Promise.reject(new Error('x')), 1000), /x/);
});
