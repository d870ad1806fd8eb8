// A whole agent: elizaOS's runtime with a store in memory, a model that always answers the same, one
// action, and the plugin. It is told to pay, pays, and shows the receipts of what it did.
//
//     teelog run --data log --tee sim --export agent.teelog -- node first.mjs
import {AgentRuntime, InMemoryDatabaseAdapter, stringToUuid as id} from '@elizaos/core';
import {teeLogPlugin} from 'plugin-teelog';

// In place of a model provider's plugin. It wants to pay, and when it is asked again, to stop.
let turns = 0;
const answer = async () => `<response><thought>pay</thought><text>Paying.</text>
  <actions>${turns++ ? 'STOP' : 'PAY'}</actions></response>`;
const models = {
  TEXT_SMALL: answer, TEXT_LARGE: answer, ACTION_PLANNER: answer, RESPONSE_HANDLER: answer,
  TEXT_EMBEDDING: async () => new Array(384).fill(0),
};

const pay = {
  name: 'PAY', description: 'pays somebody', similes: [], examples: [], validate: async () => true,
  async handler(_runtime, message, _state, _options, callback) {
    console.log(`(the money moves: ${message.content.text})`);
    await callback({text: 'Paid.', actions: ['PAY']});
    return {success: true, text: 'paid', data: {actionName: 'PAY', tx: '0xabc'}};
  },
};

const mine = {name: 'mine', description: 'a model and an action', models, actions: [pay]};
const character = {name: 'Tee', bio: ['pays people'], plugins: [], settings: {}, secrets: {}};
const runtime = new AgentRuntime({
  character, agentId: id('Tee'), adapter: new InMemoryDatabaseAdapter(),
  plugins: [teeLogPlugin, mine], // the one line
  checkShouldRespond: false, logLevel: 'fatal',
});
await runtime.initialize();

const where = {entityId: id('user'), roomId: id('room'), worldId: id('world')};
await runtime.ensureConnection({
  ...where, userName: 'user', name: 'user', source: 'test', channelId: 'room', type: 'DM',
  messageServerId: id('server'),
});
const message = {
  id: id('message'), agentId: runtime.agentId, ...where, createdAt: Date.now(),
  content: {text: 'pay bob 5', source: 'test', channelType: 'DM'},
};
await runtime.messageService.handleMessage(runtime, message, async (reply) => {
  console.log(`Tee: ${reply.text}`);
  for (const r of reply.metadata.teelog.records) console.log(`  statement ${r.index}: ${r.type}, ${r.class}`);
  return [];
});
await (await runtime.getServiceLoadPromise('tee_log')).stop();
process.exit(0);
