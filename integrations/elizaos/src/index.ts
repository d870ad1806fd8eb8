/** The plugin: `plugins: [..., teeLogPlugin]`. */
import type {Runtime} from './eliza.js';
import {routes} from './routes.js';
import {attach, TeeLogService} from './service.js';

export {TeeLogService, type TeeAgent, type TeeLog, type TeeLogPage, type TeeLogQuery} from './service.js';
export * from './client.js';

export const teeLogPlugin = {
  // Routes of a plugin stand below its name: /tee/agents and /tee/logs.
  name: 'tee',
  description: 'Logs messages, model calls and actions in teelog; an action that cannot be logged does not run',
  /** Services are started late, or never: what happens has to be captured from here on. */
  init: async (_config: Record<string, string>, runtime: unknown): Promise<void> => {
    attach(runtime as Runtime);
  },
  // The cores' own types of a service are nominal, and differ: by its shape it is one of both.
  services: [TeeLogService as never],
  routes: routes(attach),
};

export default teeLogPlugin;
