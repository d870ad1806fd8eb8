/** The plugin: `plugins: [..., teeLogPlugin]`. */
import type {Runtime} from './eliza.js';
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
  services: [TeeLogService],
};

export default teeLogPlugin;
