// A runtime of a few lines with the plugin in it: real ones are in tests/e2e.
import {teeLogPlugin, TeeLogService} from '../dist/index.js';
import {FakeLog} from './fakelog.mjs';

export class Runtime {
  agentId = 'agent-1';
  character = {name: 'Tee'};
  actions = [];
  warnings = [];
  logger = {info() {}, error() {}, warn: (_about, text) => this.warnings.push(text)};
  messageService = null;
  constructor(values) {
    this.values = values;
  }
  getSetting(key) {
    return this.values[key] ?? null;
  }
  registerAction(action) {
    this.actions.push(action);
  }
  // Names of actions, in place of responses that name them.
  async processActions(message, names, state, callback) {
    for (const name of names ?? []) await this.actions.find((a) => a.name === name).handler(this, message, state, {}, callback);
  }
  async useModel(_type, params) {
    if (params.fail) throw new Error('no model');
    return `answer to ${params.prompt}`;
  }
}

export async function plugged(t, values = {}, change, runtime = new Runtime({})) {
  const log = new FakeLog();
  const ends = [];
  const socket = await log.serve({after: (end) => ends.push(end)}, change);
  Object.assign(runtime.values, {TEELOG_SOCKET: socket, TEELOG_LOG_KEY: log.key, TEE_LOG_WAIT_MS: '2000', ...values});
  await teeLogPlugin.init({}, runtime);
  const service = await TeeLogService.start(runtime);
  t.after(async () => {
    log.before = null;
    log.change = (lines) => lines;
    await service.stop();
    for (const end of ends) end();
  });
  const records = () => log.asked.filter((a) => a.url.startsWith('/v1/records')).flatMap((a) => a.body.split('\n').slice(0, -1).map((l) => JSON.parse(l))).filter((r) => r.type !== 'Log:begin');
  return {log, runtime, service, records};
}

/** Without what was only sent again. */
export const once = (records) => [...new Map(records.map((r) => [r.requestId, r])).values()];
export const message = {id: 'm', entityId: 'user', roomId: 'room', content: {text: 'pay bob'}};
