// A real agent of elizaOS, offline: the core's AgentRuntime, the plugin under test, a model that
// says what the test tells it to, and a few actions. Commands come in as lines of JSON, and each
// is answered by one. Whatever else the libraries print goes to standard error.
import {closeSync, fdatasyncSync, openSync, writeSync} from 'node:fs';
import http from 'node:http';
import {createInterface} from 'node:readline';

const out = process.stdout.write.bind(process.stdout);
process.stdout.write = (...args) => process.stderr.write(...args);
for (const name of ['log', 'info', 'debug']) console[name] = (...args) => console.error(...args);

const core = await import('@elizaos/core');
const {Client, fromEnvironment, teeLogPlugin} = await import('plugin-teelog');
const old = process.env.ELIZA === '1';

const ran = [];      // handlers that ran, in their order
const returned = []; // what they returned, for its identity
let script = {actions: []};

function action(name, handler, more = {}) {
  return {name, description: `does ${name}`, similes: [], examples: [], validate: async () => true, ...more,
    handler: async (...args) => {
      ran.push(name);
      const result = await handler(...args);
      returned.push(result);
      return result;
    }};
}

// What the log has of this action now, by asking it past the plugin.
const look = (agentId, type) => new Promise((resolve, reject) => {
  http.get({socketPath: process.env.TEELOG_SOCKET, path: `/v1/records?agent=${agentId}&type=${type}`, headers: {Host: 'log'}}, (answer) => {
    let text = '';
    answer.on('data', (part) => (text += part)).on('end', () => resolve(JSON.parse(text).records.map((r) => r.index)));
  }).on('error', reject);
});

const actions = [
  action('LOOKS', async (runtime) => ({success: true, text: 'seen', data: {actionName: 'LOOKS', seen: await look(runtime.agentId, 'Action:LOOKS')}})),
  action('TRANSFER_FUNDS', async (_runtime, message, _state, _options, callback) => {
    await callback?.({text: `sent: ${message.content.text}`, actions: ['TRANSFER_FUNDS'], source: message.content.source});
    return {success: true, text: 'transfer ok', values: {lastTx: '0xabc'}, data: {actionName: 'TRANSFER_FUNDS', tx: '0xabc'}};
  }, {parameters: [{name: 'amount', description: 'how much', required: false, schema: {type: 'string'}}]}),
  action('CHECK_BALANCE', async () => ({success: true, text: 'balance 7', data: {actionName: 'CHECK_BALANCE', balance: 7}})),
  action('THROWS', async () => {
    throw new Error('the chain is down');
  }),
  action('FAILS', async () => ({success: false, text: 'not enough', error: 'not enough', data: {actionName: 'FAILS'}})),
];

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const xml = ({actions, reply: text = "", params = ''}) => `<response><thought>t</thought><actions>${actions.join(',')}</actions>` +
  `<providers></providers><text>${text}</text>${params && `<params>${params}</params>`}</response>`;
// The model is where the tests stop the world: what it has to wait for stands in the script.
const calls = {};
const say = (type) => async () => {
  calls[type] = (calls[type] ?? 0) + 1;
  if (script.hold === true) {
    script.hold = 'held';
    out(JSON.stringify({held: true}) + '\n');
  }
  while (script.hold) await pause(5);
  // It is asked again after actions ran, until it has no more to do.
  const answer = xml(script);
  script = {...script, actions: ['STOP'], reply: script.reply};
  return answer;
};
const models = Object.fromEntries(['TEXT_SMALL', 'TEXT_LARGE', 'TEXT_MEDIUM', 'TEXT_NANO', 'TEXT_MEGA', 'RESPONSE_HANDLER', 'ACTION_PLANNER', 'TEXT_REASONING_SMALL', 'TEXT_REASONING_LARGE']
  .map((type) => [type, say(type)]));
models.TEXT_EMBEDDING = async () => {
  calls.TEXT_EMBEDDING = (calls.TEXT_EMBEDDING ?? 0) + 1;
  return new Array(384).fill(0.1);
};
models.OBJECT_SMALL = models.OBJECT_LARGE = async () => ({});

async function agent(name) {
  const id = core.stringToUuid(name);
  const plugins = [{name: 'fake', description: 'a model and actions', models, actions}, teeLogPlugin];
  const character = {id, name, username: name, bio: ['an agent'], messageExamples: [], postExamples: [], topics: [], adjectives: [], knowledge: [], plugins: [], style: {all: [], chat: [], post: []}, settings: {}, secrets: {}, system: 'You are an agent.'};
  let runtime;
  if (old) {
    const sql = await import('@elizaos/plugin-sql');
    const bootstrap = await import('@elizaos/plugin-bootstrap');
    runtime = new core.AgentRuntime({agentId: id, character, plugins: [sql.plugin ?? sql.default, bootstrap.bootstrapPlugin ?? bootstrap.default, ...plugins]});
    const adapter = sql.createDatabaseAdapter({dataDir: 'memory://'}, id);
    await adapter.init();
    const migrations = new sql.DatabaseMigrationService();
    await migrations.initializeWithDatabase(adapter.db);
    migrations.discoverAndRegisterPluginSchemas([sql.plugin ?? sql.default]);
    await migrations.runAllPluginMigrations();
    runtime.registerDatabaseAdapter(adapter);
    await runtime.initialize({skipMigrations: true});
  } else {
    runtime = new core.AgentRuntime({agentId: id, character, plugins, adapter: new core.InMemoryDatabaseAdapter(), checkShouldRespond: false, logLevel: 'error'});
    await runtime.initialize();
  }
  const roomId = core.stringToUuid(`${name} room`), entityId = core.stringToUuid(`${name} user`), worldId = core.stringToUuid(`${name} world`);
  await runtime.ensureConnection({entityId, roomId, worldId, userName: 'user', name: 'user', source: 'test', channelId: roomId, type: 'DM', messageServerId: worldId});
  return {id, runtime, roomId, entityId, worldId};
}

const agents = {};
const service = (a) => a.runtime.getServiceLoadPromise('tee_log');

const commands = {
  start: async ({agent: name}) => {
    agents[name] = await agent(name);
    return {agentId: agents[name].id, roomId: agents[name].roomId, entityId: agents[name].entityId};
  },
  // A message, and what the model is to answer it with.
  message: async ({agent: name, text, ...rest}) => {
    const a = agents[name], replies = [], before = ran.length;
    script = rest;
    const message = {id: core.stringToUuid(`${Math.random()}`), entityId: a.entityId, agentId: a.id, roomId: a.roomId, worldId: a.worldId,
      content: {text, source: 'test', channelType: 'DM'}, createdAt: Date.now()};
    let error = null;
    try {
      await a.runtime.messageService.handleMessage(a.runtime, message, async (content) => {
        replies.push(content);
        return [];
      });
    } catch (e) {
      error = String(e);
    }
    return {replies, ran: ran.slice(before), error, messageId: message.id, calls};
  },
  go: async () => {
    script.hold = false;
    return {};
  },
  // One action, called as the runtime calls it.
  call: async ({agent: name, action: which, message: text = 'x'}) => {
    const {runtime, roomId, entityId} = agents[name], before = ran.length;
    const message = {id: core.stringToUuid('m'), entityId, roomId, content: {text}};
    const result = await runtime.actions.find((x) => x.name === which).handler(runtime, message, undefined, {}, undefined, []);
    return {result, ran: ran.slice(before)};
  },
  // One after the other, until it is enough, and a few more; what ran, by its text, and the longest time without.
  calls: async ({agent: name, action: which, text}) => {
    const {runtime, roomId, entityId} = agents[name], did = [];
    const {handler} = runtime.actions.find((x) => x.name === which);
    let last = performance.now(), gap = 0, more = 5;
    script = {enough: false};
    for (let i = 0; more > 0; i++) {
      const message = {id: core.stringToUuid('m'), entityId, roomId, content: {text: `${text} ${i}`}}, before = ran.length;
      await handler(runtime, message, undefined, {}, undefined, []);
      if (i === 5) out(JSON.stringify({began: true}) + '\n');
      if (ran.length === before) {
        await pause(5);
        continue;
      }
      did.push(message.content.text);
      gap = Math.max(gap, performance.now() - last);
      last = performance.now();
      if (script.enough) more--;
    }
    return {ran: did, gap};
  },
  enough: async () => {
    script.enough = true;
    return {};
  },
  // What a handler returns reaches its caller as the same object. How long a call takes with the plugin (the
  // runtime's action) and without (ours), by turns with the same client alone and the disk alone.
  measure: async ({agent: name, action: which, times, file}) => {
    const {runtime, roomId, entityId} = agents[name];
    const wrapped = runtime.actions.find((x) => x.name === which), plain = actions.find((x) => x.name === which);
    const message = {id: core.stringToUuid('m'), entityId, roomId, content: {text: 'x'}};
    const client = new Client(fromEnvironment()), fd = openSync(file, 'w'), page = Buffer.alloc(4096, 1);
    let same = true;
    const act = async () => {
      const result = await wrapped.handler(runtime, message, undefined, {}, undefined, []);
      same &&= result === returned.at(-1);
    };
    const works = {
      handler: () => plain.handler(runtime, message, undefined, {}, undefined, []),
      action: act,
      append: () => client.append([{agentId: 'beside', roomId: '', userId: '', type: 'T', content: 'c'.repeat(200)}]),
      fdatasync: () => {
        writeSync(fd, page);
        fdatasyncSync(fd);
      },
    };
    const took = Object.fromEntries([...Object.keys(works), 'apart'].map((key) => [key, []]));
    const time = async (key, work) => {
      const at = performance.now();
      await work();
      took[key].push(performance.now() - at);
    };
    // Twenty of each by turns, one behind the other; and actions that stand by themselves.
    for (let i = 0; i < times; i++) {
      for (const [key, work] of Object.entries(works)) {
        for (let n = 0; n < 20; n++) await time(key, work);
        await pause(8); // whatever was under way is done
      }
      for (let n = 0; n < 5; n++) {
        await time('apart', act);
        await pause(8);
      }
    }
    client.close();
    closeSync(fd);
    const at = (q) => Object.fromEntries(Object.entries(took).map(([key, list]) => [key, list.sort((x, y) => x - y)[Math.floor(list.length * q)]]));
    return {same, shared: wrapped === plain, p50: at(0.5), p99: at(0.99)};
  },
  service: async ({agent: name, method, args}) => {
    const s = await service(agents[name]);
    try {
      return {value: await s[method](...args)};
    } catch (e) {
      return {error: e.message};
    }
  },
  routes: async ({agent: name}) => ({routes: agents[name].runtime.routes.map((r) => `${r.type} ${r.path}`)}),
  route: async ({agent: name, path, method, params, body, headers = {}, query = {}}) => {
    const {runtime} = agents[name];
    const route = runtime.routes.find((r) => r.type === method && r.path === path);
    return new Promise((resolve) => {
      let code = 200;
      const response = {status: (n) => ((code = n), response), json: (data) => (resolve({code, data}), response), setHeader: () => response, send: () => response, end: () => response};
      route.handler({body, params, headers, query}, response, runtime);
    });
  },
  memory: async () => {
    globalThis.gc?.();
    return {rss: process.memoryUsage().rss, heap: process.memoryUsage().heapUsed};
  },
  stop: async ({agent: name}) => {
    await service(agents[name]);
    await agents[name].runtime.stop();
    return {};
  },
  end: async () => {
    out('{}\n');
    process.exit(0);
  },
};

process.on('unhandledRejection', (e) => console.error('UNHANDLED', e));
out(JSON.stringify({ready: true}) + '\n');
for await (const line of createInterface({input: process.stdin})) {
  const {op, ...rest} = JSON.parse(line);
  const answer = commands[op](rest).then((v) => out(JSON.stringify(v ?? {}) + '\n'), (e) => out(JSON.stringify({failed: String(e.stack)}) + '\n'));
  if (op !== 'calls' && (op !== 'message' || !rest.hold)) await answer;
}
