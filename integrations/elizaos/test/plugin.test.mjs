// Settings, texts, and what is put around a runtime, with a runtime of a few lines: real ones are in
// tests/e2e.
import assert from 'node:assert/strict';
import test from 'node:test';
import {teeLogPlugin, TeeLogService} from '../dist/index.js';
import {readSettings} from '../dist/settings.js';
import {bounded, digest, id, json, TEXT_MAX, type} from '../dist/words.js';
import {message, once, plugged, Runtime} from './runtime.mjs';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const settings = (values) => readSettings({getSetting: (key) => values[key]}, {});

test('settings', () => {
  assert.deepEqual((({enabled, fail, messages, models, routes}) => [enabled, fail, messages, models, routes])(settings({})), [true, 'closed', 'text', 'digest', 'token']);
  for (const on of ['true', '1', 'yes', 'enable', 'enabled', 'on', 'ON', true, 1]) assert.equal(settings({ENABLE_TEE_LOG: on}).enabled, true);
  for (const off of ['false', '0', 'no', 'off', false]) assert.equal(settings({ENABLE_TEE_LOG: off}).enabled, false);
  for (const [key, value] of [['ENABLE_TEE_LOG', 'ture'], ['TEE_LOG_FAIL', 'opne'], ['TEE_LOG_MODELS', 'all'], ['TEE_LOG_WAIT_MS', '-1'], ['TEE_LOG_QUEUE', '1e3'], ['TEE_LOG_QUEUE', '0']])
    assert.throws(() => settings({[key]: value}), new RegExp(key));
  assert.equal(readSettings({getSetting: () => null}, {TEELOG_SOCKET: '/s'}).client.socket, '/s');
});

test('the first record says by which settings', async (t) => {
  const {log, service} = await plugged(t, {TEE_LOG_FAIL: 'open'});
  await service.stop();
  const first = JSON.parse(log.asked[0].body.split('\n')[0]);
  assert.equal(first.type, 'Log:begin');
  assert.deepEqual(JSON.parse(first.content), {phase: 'begin', name: 'Tee', fail: 'open', messages: 'text', models: 'digest'});
  assert.match(log.asked[0].url, /session=new/);
});

test('texts of anything', () => {
  const cycle = {a: 1};
  cycle.self = cycle;
  assert.equal(json(cycle), '{"a":1,"self":"(cycle)"}');
  const shared = {x: 1};
  assert.equal(json([shared, shared]), '[{"x":1},{"x":1}]'); // twice is no cycle
  assert.equal(json(undefined), 'null');
  assert.equal(json({n: 10n, f() {}, e: new TypeError('t')}), '{"n":"10","e":{"name":"TypeError","message":"t"}}');
  assert.deepEqual(Object.keys(JSON.parse(json({image: Buffer.alloc(1000)})).image), ['sha256', 'bytes']);
  assert.deepEqual(Object.keys(JSON.parse(json({image: new Uint8Array(1000)})).image), ['sha256', 'bytes']);
  for (const bytes of [Buffer.from('abc'), new Uint8Array([97, 98, 99]), new Uint8Array([97, 98, 99]).buffer]) assert.equal(JSON.parse(json(bytes)).sha256, digest('abc').sha256);
  assert.ok(json(Array(1e6).fill(0)).length < 300000);
  assert.ok(json(Object.fromEntries([1, 2, 3, 4].map((i) => [i + 'k'.repeat(1 << 23), i]))).length < 3 << 23);
  assert.deepEqual(JSON.parse(json({phase: 'intent', get x() { throw new Error('no'); }, y: 1})), {phase: 'intent', x: {unserializable: {name: 'Error', message: 'no'}}, y: 1});
  let deep = {};
  for (let n = 0; n < 100000; n++) deep = {deep};
  assert.match(json({phase: 'result', deep}), /^\{"phase":"result","deep":\{.*"\(left out\)"\}*$/);
  assert.equal(json({m: new Map([[1, 2]]), s: new Set(['x'])}), '{"m":[[1,2]],"s":["x"]}');
  assert.equal(json({n: 2 ** 60, f: 0.5, x: NaN}), '{"n":1152921504606847000,"f":0.5,"x":null}');
  assert.equal(json({s: 'a\ud800'}), '{"s":"a\\ud800"}'); // JSON can say it, in ASCII
  assert.equal(bounded('x'.repeat(TEXT_MAX)).length, TEXT_MAX);
  const cut = JSON.parse(bounded('é'.repeat(TEXT_MAX)));
  assert.deepEqual([cut.bytes, cut.begins.length], [2 * TEXT_MAX, 4096]);
  assert.equal(bounded('a\ud800b'), 'a\ufffdb');
  assert.equal(id('x'.repeat(256)).length, 256);
  assert.match(id('é'.repeat(129)), /^sha256:/);
  assert.equal(id(undefined), '');
  assert.equal(type('Action', 'PAY_BOB'), 'Action:PAY_BOB');
  assert.equal(type('Action', 'ZÜRICH!'), 'Action:Z-RICH-');
  assert.match(type('Action', 'X'.repeat(100)), /^Action:X{48}-[0-9a-f]{8}$/);
  assert.notEqual(type('Action', 'X'.repeat(100)), type('Action', 'X'.repeat(101)));
});

test('an action is a copy, and its result is the same object', async (t) => {
  const {runtime, service, records} = await plugged(t);
  const result = {success: true};
  class Pay {
    name = 'PAY';
    #secret = 7;
    similes = ['GIVE'];
    async validate() {
      return this.#secret === 7;
    }
    async handler(...args) {
      this.args = args;
      return this.#secret === 7 ? result : null;
    }
  }
  const action = new Pay();
  runtime.registerAction(action);
  const [copy] = runtime.actions;
  assert.notEqual(copy, action);
  assert.equal(copy.similes, action.similes);
  assert.equal(await copy.validate(), true);
  assert.equal(await copy.handler(runtime, message, 'state', {parameters: {to: 'bob'}, actionContext: {}}, undefined, []), result);
  assert.equal(action.args[2], 'state');
  await service.stop();
  const [intent, outcome] = records();
  assert.deepEqual(JSON.parse(intent.content), {phase: 'intent', action: 'PAY', text: 'pay bob', parameters: {to: 'bob'}, messageId: 'm'});
  assert.deepEqual([intent.type, intent.roomId, intent.userId, outcome.ref], ['Action:PAY', 'room', 'user', 4]);
  assert.deepEqual(JSON.parse(outcome.content), {phase: 'result', result: {success: true}});
});

test('an action that somebody wrote into the list is logged too', async (t) => {
  const {runtime, records, service} = await plugged(t);
  runtime.actions.push({name: 'LATE', handler: async () => undefined});
  assert.equal(await runtime.actions[0].handler(runtime, message), undefined);
  await service.stop();
  assert.equal(records().length, 2);
});

test('what cannot be logged does not run, and says why', async (t) => {
  const {runtime, log} = await plugged(t, {TEE_LOG_WAIT_MS: '100'});
  let ran = 0;
  runtime.registerAction({name: 'PAY', handler: async () => ran++});
  const said = [];
  for (const what of ['drop', 'hang', {status: 503, body: '{"error":"the log is frozen"}'}, {status: 200, body: '{}\n'}]) {
    log.before = () => what;
    const result = await runtime.actions[0].handler(runtime, message, undefined, {}, async (content) => said.push(content.text), []);
    assert.equal(result.success, false);
    assert.match(result.text, /^I did not do PAY: it could not be logged/);
  }
  assert.equal(ran, 0);
  assert.equal(said.length, 4);
  log.before = null;
});

test('a receipt that does not hold is none', async (t) => {
  const {runtime} = await plugged(t, {TEE_LOG_WAIT_MS: '200'}, (lines) => lines.map((l) => ({...l, salt: Buffer.alloc(16).toString('base64')})));
  let ran = 0;
  runtime.registerAction({name: 'PAY', handler: async () => ran++});
  const result = await runtime.actions[0].handler(runtime, message);
  assert.match(result.text, /another record than was sent/);
  assert.equal(ran, 0);
});

test('failing open runs, and says what was lost', async (t) => {
  const {runtime, log, records, service} = await plugged(t, {TEE_LOG_WAIT_MS: '50', TEE_LOG_FAIL: 'open', TEE_LOG_QUEUE: '2'});
  log.before = () => ({status: 503, headers: {'Retry-After': '1'}, body: '{"error":"busy"}'});
  let ran = 0;
  runtime.registerAction({name: 'PAY', handler: async () => ran++});
  for (let i = 0; i < 5; i++) await runtime.actions[0].handler(runtime, message);
  assert.equal(ran, 5);
  log.before = null;
  for (let i = 0; i < 20; i++) await runtime.actions[0].handler(runtime, message);
  await service.stop();
  const gaps = records().filter((r) => r.type === 'Log:gap');
  assert.ok(gaps.length > 0);
  assert.ok(gaps.every((r) => JSON.parse(r.content).lost > 0));
});

test('messages, with the receipts in the reply', async (t) => {
  const {runtime, records, service} = await plugged(t);
  const reply = {text: 'done', metadata: {mine: 1}}, replies = [];
  runtime.messageService = {
    async handleMessage(_runtime, _message, callback) {
      await runtime.useModel('TEXT_LARGE', {prompt: 'p'});
      await callback?.(reply);
      return {didRespond: true, responseContent: reply};
    },
  };
  await runtime.messageService.handleMessage(runtime, message, async (content) => replies.push(content));
  assert.deepEqual(replies[0].metadata.teelog.records.map((r) => r.type), ['Message:in', 'Model:TEXT_LARGE', 'Model:TEXT_LARGE', 'Message:out']);
  assert.equal(replies[0].metadata.mine, 1);
  assert.deepEqual(reply.metadata, {mine: 1}); // the runtime's own is as it was
  const result = await runtime.messageService.handleMessage(runtime, message);
  assert.equal(result.responseContent.metadata.teelog.records.at(-1).type, 'Message:out');
  await service.stop();
  const once = ['Message:in', 'Model:TEXT_LARGE', 'Model:TEXT_LARGE', 'Message:out'];
  assert.deepEqual(records().map((r) => r.type), [...once, ...once]);
  assert.deepEqual(Object.keys(JSON.parse(records()[1].content)), ['phase', 'model', 'prompt', 'parameters']);
  assert.deepEqual(Object.keys(JSON.parse(records()[2].content)), ['phase', 'response', 'ms']);
});

test('a message that cannot be logged does not go out', async (t) => {
  const {runtime, log} = await plugged(t, {TEE_LOG_WAIT_MS: '100'});
  runtime.messageService = {handleMessage: async (_runtime, _message, callback) => callback({text: 'secret'})};
  log.before = () => 'drop';
  const replies = [];
  await runtime.messageService.handleMessage(runtime, message, async (content) => replies.push(content.text));
  assert.match(replies[0], /^I did not say what I was going to: it could not be logged/);
  log.before = null;
});

test('texts of messages and models by setting', async (t) => {
  const {runtime, records, service} = await plugged(t, {TEE_LOG_MESSAGES: 'digest', TEE_LOG_MODELS: 'text'});
  runtime.messageService = {handleMessage: async (_r, _m, callback) => {
    await assert.rejects(runtime.useModel('TEXT_SMALL', {prompt: 'q', fail: true}), /no model/);
    await runtime.useModel('TEXT_SMALL', {prompt: 'q'});
    await callback({text: 'out'});
  }};
  await runtime.messageService.handleMessage(runtime, message, async () => []);
  await service.stop();
  const said = records().filter((r) => r.type.startsWith('Model:')).map((r) => JSON.parse(r.content));
  assert.deepEqual(Object.keys(JSON.parse(records()[0].content)), ['sha256', 'bytes']);
  assert.deepEqual(said.map((s) => s.phase), ['intent', 'failure', 'intent', 'result']);
  assert.deepEqual([said[0].prompt, said[1].error, said[3].response], ['q', {name: 'Error', message: 'no model'}, 'answer to q']);
});

test('an intent says of its message no more than messages do', async (t) => {
  for (const [how, text] of [['text', 'pay bob'], ['digest', digest('pay bob')], ['off', null]]) {
    const {runtime, records, service} = await plugged(t, {TEE_LOG_MESSAGES: how});
    runtime.registerAction({name: 'PAY', handler: async () => 1});
    await runtime.actions[0].handler(runtime, message);
    await service.stop();
    assert.deepEqual(JSON.parse(records()[0].content).text, text);
  }
});

test('copies of actions log once, and what stands in their place is logged', async (t) => {
  const one = await plugged(t), two = await plugged(t), ran = [];
  const pay = {name: 'PAY', handler: async () => ran.push('pay')};
  one.runtime.registerAction(pay);
  const actions = one.runtime.actions;
  actions[0] = {...actions[0], description: 'spread'};             // by another plugin
  actions.push({...actions[0], name: 'ALIAS'});
  actions.push({...actions[0], name: 'OTHER', handler: async () => ran.push('other')});
  two.runtime.registerAction(actions[0]);                            // of one agent, given to another
  for (const action of actions) await action.handler(one.runtime, message);
  actions[0].handler = async () => ran.push('patched');
  await actions[0].handler(one.runtime, message);
  await two.runtime.actions[0].handler(two.runtime, message);
  actions[0].handler = ((before) => async (...args) => before(...args))(actions[0].handler); // it calls the one before
  await actions[0].handler(one.runtime, message);
  await one.service.stop();
  await two.service.stop();
  assert.deepEqual(ran, ['pay', 'pay', 'other', 'patched', 'pay', 'patched']);
  assert.deepEqual(one.records().map((r) => r.type), ['PAY', 'PAY', 'ALIAS', 'ALIAS', 'OTHER', 'OTHER', 'PAY', 'PAY', 'PAY', 'PAY'].map((n) => `Action:${n}`));
  assert.deepEqual(two.records().map((r) => r.type), ['Action:PAY', 'Action:PAY']);
});

test('what a handler throws is thrown, whatever it is', async (t) => {
  const {runtime, records, service} = await plugged(t);
  const thrown = [new TypeError('t'), 'text', undefined, Object.create(null), {get message() { throw new Error('no'); }}];
  let next;
  runtime.registerAction({name: 'THROW', handler: async () => { throw next; }});
  for (next of thrown) {
    let got = 'nothing';
    await runtime.actions[0].handler(runtime, message).catch((e) => (got = e));
    assert.equal(got, next);
  }
  const odd = new Proxy({}, {get() { throw new Error('look away'); }, ownKeys() { throw new Error('look away'); }});
  runtime.registerAction({name: 'ODD', handler: () => ({odd})});
  assert.equal((await runtime.actions[1].handler(runtime, message)).odd, odd);
  await service.stop();
  assert.deepEqual(records().map((r) => JSON.parse(r.content).phase), [...Array(5).fill(['intent', 'failure']).flat(), 'intent', 'result']);
});

test('what the log refuses does not vanish', async (t) => {
  const {runtime, log, records, service} = await plugged(t, {TEE_LOG_WAIT_MS: '300'});
  let ran = 0, refuse = (r) => r.content === 'pay bob' || (r.ref !== undefined && !JSON.parse(r.content).sha256);
  runtime.registerAction({name: 'PAY', handler: async () => ran++});
  runtime.messageService = {handleMessage: async () => runtime.actions[0].handler(runtime, message)};
  // Whoever stands between can say so too.
  log.change = (lines, sent) => lines.map((l, i) => (refuse(sent[i]) ? {error: 'content must be …', field: 'content', line: i + 1} : l));
  await runtime.messageService.handleMessage(runtime, message, async () => []);
  assert.equal(ran, 1);
  assert.equal((await runtime.actions[0].handler(runtime, message)), 1);
  const kept = once(records().filter((r) => !refuse(r))), said = kept.map((r) => JSON.parse(r.content));
  const [instead] = said.filter((_, i) => kept[i].type === 'Message:in');
  assert.deepEqual(instead, {...digest('pay bob'), refused: 'content must be …'});
  assert.deepEqual(said.filter((_, i) => kept[i].type === 'Action:PAY').slice(0, 3).map((c) => [c.phase, c.refused]).sort(),
    [['intent', undefined], ['intent', undefined], ['result', 'content must be …']]);
  // What stands in its place is refused too: nothing goes on.
  refuse = (r) => r.ref !== undefined;
  await runtime.actions[0].handler(runtime, message);
  const result = await runtime.actions[0].handler(runtime, message);
  assert.match(result.text, /a record of type Action:PAY was refused/);
  log.change = (lines) => lines;
});

test('what stood behind it in a plan does not run either', async (t) => {
  const {runtime, log, records, service} = await plugged(t, {TEE_LOG_WAIT_MS: '1000'});
  const ran = [];
  for (const name of ['CHECK', 'PAY']) runtime.registerAction({name, handler: async () => ran.push(name)});
  runtime.messageService = {handleMessage: async (_r, _m, callback) => {
    log.before = () => 'drop';
    await runtime.actions[0].handler(runtime, message, undefined, {}, callback);
    log.before = null;
    await runtime.actions[1].handler(runtime, message, undefined, {}, callback);
    return {responseContent: {text: 'secret'}, responseMessages: ['secret']};
  }};
  await runtime.messageService.handleMessage(runtime, message, async () => []);
  assert.deepEqual(ran, []);
  await runtime.actions[1].handler(runtime, message); // of another message
  await service.stop();
  assert.deepEqual(ran, ['PAY']);
  assert.deepEqual(once(records()).filter((r) => r.type === 'Action:PAY').map((r) => JSON.parse(r.content).phase), ['intent', 'refusal', 'intent', 'result']);
});

test('what could not be said is not returned either', async (t) => {
  const {runtime, log} = await plugged(t, {TEE_LOG_WAIT_MS: '100'});
  const result = {didRespond: true, responseContent: {text: 'secret'}, responseMessages: [{content: {text: 'secret'}}]};
  runtime.messageService = {handleMessage: async (_r, _m, callback) => {
    log.before = () => 'drop';
    await callback?.(result.responseContent);
    return result;
  }};
  for (const callback of [undefined, async () => []])
    assert.doesNotMatch(JSON.stringify(await runtime.messageService.handleMessage(runtime, message, callback)), /secret/);
  log.before = null;
});

test('the database does not turn it off', () => {
  const env = {TEELOG_SOCKET: '/s', TEELOG_LOG_KEY: 'k'};
  for (const [key, value] of [['TEE_LOG_FAIL', 'open'], ['ENABLE_TEE_LOG', 'false'], ['TEELOG_SOCKET', '/other'], ['TEELOG_URL', 'https://other'], ['TEELOG_LOG_KEY', 'other'], ['TEE_LOG_ROUTES', 'open']])
    assert.throws(() => readSettings({getSetting: (k) => (k === key ? value : null)}, env), new RegExp(`${key}: the character`));
  assert.equal(readSettings({getSetting: (k) => ({TEELOG_SOCKET: '/s', TEE_LOG_MODELS: 'text'})[k]}, {...env, TEE_LOG_MODELS: 'text'}).models, 'text');
  assert.equal(readSettings({getSetting: () => null}, {...env, TEE_LOG_FAIL: 'open'}).fail, 'open');
});

test('actions that are frozen, and such with private fields', async (t) => {
  const {runtime, service, records} = await plugged(t);
  class Odd {
    #name = 'ODD';
    get name() {
      return this.#name;
    }
    handler = async () => this.#name;
  }
  runtime.registerAction(Object.freeze({name: 'FROZEN', handler: async () => 1}));
  runtime.registerAction(new Odd());
  assert.deepEqual(await Promise.all(runtime.actions.map((a) => a.handler(runtime, message))), [1, 'ODD']);
  runtime.actions = [{name: 'NEW', handler: async () => 2}];
  assert.equal(await runtime.actions[0].handler(runtime, message), 2);
  await service.stop();
  assert.deepEqual([...new Set(records().map((r) => r.type))], ['Action:FROZEN', 'Action:ODD', 'Action:NEW']);
});

test('parameters that core 1.7 has in the state', async (t) => {
  const {runtime, service, records} = await plugged(t);
  runtime.registerAction({name: 'PAY', handler: async () => 1});
  await runtime.actions[0].handler(runtime, message, {data: {actionParams: {to: 'bob'}}}, {actionContext: {}});
  await runtime.actions[0].handler(runtime, message, {data: {actionParams: {to: 'eve'}}}, {actionContext: {}, parameters: {to: 'al'}});
  await service.stop();
  assert.deepEqual(records().map((r) => JSON.parse(r.content)).filter((c) => c.phase === 'intent').map((c) => c.parameters), [{to: 'bob'}, {to: 'al'}]);
});

test('a stop waits for handlers that run', async (t) => {
  const {runtime, service, records} = await plugged(t);
  runtime.registerAction({name: 'SLOW', handler: () => new Promise((resolve) => setTimeout(resolve, 300, 'done'))});
  const result = runtime.actions[0].handler(runtime, message);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await service.stop();
  assert.equal(await result, 'done');
  assert.deepEqual(records().map((r) => JSON.parse(r.content).phase), ['intent', 'result']);
});

const say = {name: 'SAY', handler: async (_runtime, _message, _state, _options, callback) => callback({text: 'by itself'})};

test('a reply outside of the handling of a message is logged too', async (t) => {
  const {runtime, records, service} = await plugged(t), replies = [];
  runtime.registerAction(say);
  await runtime.processActions(message, ['SAY'], {}, async (content) => replies.push(content));
  assert.equal(replies[0].metadata.teelog.records.at(-1).type, 'Message:out');
  await service.stop();
  assert.deepEqual(records().filter((r) => r.type === 'Message:out').map((r) => [r.content, r.roomId]), [['by itself', 'room']]);
});

test('a callback of its own inside of a message, and one around ours', async (t) => {
  const {runtime, records, service} = await plugged(t), said = [];
  runtime.registerAction(say);
  let mine;
  runtime.messageService = {handleMessage: async (_runtime, _message, callback) => {
    await runtime.processActions(message, ['SAY'], {}, mine ?? ((content) => callback(content)));
    return {};
  }};
  for (mine of [undefined, async (content) => said.push(content.text)])
    await runtime.messageService.handleMessage(runtime, message, async (content) => said.push(content.text));
  await service.stop();
  assert.deepEqual(said, ['by itself', 'by itself']);
  assert.equal(records().filter((r) => r.type === 'Message:out').length, 2);
});

test('what is written into the list by who had it before, or past its members', async (t) => {
  const own = new Runtime({}), list = own.actions;
  const {runtime, records, service} = await plugged(t, {}, undefined, own);
  let ran = 0;
  list.push({name: 'A', handler: async () => ++ran});
  Object.defineProperty(runtime.actions, 1, {value: {name: 'B', handler: async () => ++ran}, writable: true, enumerable: true, configurable: true});
  await runtime.processActions(message, ['A', 'B']);
  await service.stop();
  assert.deepEqual([ran, records().length], [2, 4]);
});

test('what goes on after a message of which something was refused acts again', async (t) => {
  const {runtime, log} = await plugged(t, {TEE_LOG_WAIT_MS: '1000'});
  let ran = 0, loop;
  runtime.registerAction({name: 'PAY', handler: async () => ++ran});
  runtime.messageService = {handleMessage: async () => {
    loop = (async () => {
      await pause(1500);
      for (let i = 0; i < 3; i++) await runtime.actions[0].handler(runtime, message);
    })();
    log.before = () => 'drop';
    await runtime.actions[0].handler(runtime, message);
    log.before = null;
  }};
  await runtime.messageService.handleMessage(runtime, message);
  assert.equal(ran, 0);
  await loop;
  assert.equal(ran, 3);
});

test('an action that was taken out of the list and runs on is logged', async (t) => {
  const {runtime, records, service} = await plugged(t);
  let ran = 0, loop;
  runtime.registerAction({name: 'PAY', handler: async () => {
    ran++;
    const [me] = runtime.actions;
    loop ??= (async () => {
      await pause(50);
      runtime.actions.splice(0);
      for (let i = 0; i < 5; i++) await me.handler(runtime, message);
    })();
  }});
  await runtime.actions[0].handler(runtime, message);
  await loop;
  await service.stop();
  assert.equal(records().filter((r) => JSON.parse(r.content).phase === 'intent').length, ran);
});

test('a service that is started again goes on, in a new session', async (t) => {
  const {runtime, log, service} = await plugged(t), before = log.session;
  let ran = 0;
  runtime.registerAction({name: 'PAY', handler: async () => ++ran});
  await service.stop();
  assert.match((await runtime.actions[0].handler(runtime, message)).text, /the agent is stopping/);
  await TeeLogService.start(runtime);
  assert.equal(await runtime.actions[0].handler(runtime, message), 1);
  assert.ok(log.session > before);
});

test('two agents of one process share a plugin, and nothing else', async (t) => {
  const one = await plugged(t), two = await plugged(t);
  const action = {name: 'PAY', handler: async () => 1};
  one.runtime.registerAction(action);
  two.runtime.registerAction(action);
  await one.runtime.actions[0].handler(one.runtime, message);
  await one.service.stop();
  assert.equal(one.records().length, 2);
  assert.equal(two.records().length, 0);
  await two.runtime.actions[0].handler(two.runtime, message);
  await two.service.stop();
  assert.equal(two.records().length, 2);
});

test('turned off it is not there', async () => {
  const runtime = new Runtime({ENABLE_TEE_LOG: 'false'}), before = runtime.useModel;
  await teeLogPlugin.init({}, runtime);
  assert.equal(runtime.useModel, before);
  const service = await TeeLogService.start(runtime);
  assert.equal(await service.log('a', 'r', 'u', 't', 'c'), false);
});

test('the original\'s method log', async (t) => {
  const {service, records, log} = await plugged(t, {TEE_LOG_WAIT_MS: '100'});
  assert.equal(await service.log('agent-1', 'r', 'u', 'Action:X', 'c'), true);
  assert.equal(records()[0].content, 'c');
  log.before = () => ({status: 401, body: '{"error":"a token is needed"}'});
  await assert.rejects(service.log('agent-1', 'r', 'u', 'Action:X', 'c'), /a token is needed/);
  log.before = null;
});

test('routes want a token of the log\'s, and lend none', async (t) => {
  const {runtime, log, service} = await plugged(t, {TEELOG_TOKEN: 'ours'});
  await service.stop(); // its own records are in
  log.asked.length = 0;
  const ask = (path, request) => new Promise((resolve) => {
    const route = teeLogPlugin.routes.find((r) => r.path === path);
    let code;
    const response = {status: (n) => ((code = n), response), json: (data) => (resolve([code, data]), response)};
    route.handler(request, response, runtime);
  });
  assert.equal((await ask('/agents', {}))[0], 401);
  assert.equal((await ask('/logs', {headers: {authorization: 'Basic x'}}))[0], 401);
  assert.equal(log.asked.length, 0);
  log.before = () => ({status: 403, body: '{"error":"not for this agent","field":"query.agentId"}'});
  assert.deepEqual(await ask('/logs', {headers: {authorization: 'Bearer theirs'}, body: {page: 1}}), [403, {error: 'not for this agent', field: 'query.agentId'}]);
  assert.deepEqual([log.asked[0].url, log.asked[0].body, log.asked[0].token], ['/tee/logs', '{"page":1}', 'Bearer theirs']);
  log.before = () => ({status: 200, body: '{"agents":[]}'});
  assert.deepEqual(await ask('/agents', {headers: {authorization: 'Bearer theirs'}, query: {nonce: 'ab&x=1'}}), [200, {agents: []}]);
  assert.equal(log.asked[1].url, '/tee/agents?nonce=ab%26x%3D1');
  await ask('/agents/:agentId', {headers: {authorization: 'Bearer theirs'}, params: {agentId: '../x'}});
  assert.equal(log.asked[2].url, '/tee/agents/..%2Fx');
  log.before = null;
});
