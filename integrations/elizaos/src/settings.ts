/** The original's settings, and ours. A value that is not understood is an error, by name. */
import {type ClientOptions, fromEnvironment} from './client.js';
import type {Runtime} from './eliza.js';

export type Capture = 'text' | 'digest' | 'off';

export interface Settings {
  enabled: boolean;
  /** What is done where the log cannot be written: nothing, or the action all the same. */
  fail: 'closed' | 'open';
  messages: Capture;
  models: Capture;
  /** How long an action or a message waits for its receipt, in milliseconds. */
  wait: number;
  queueCount: number;
  queueBytes: number;
  /** Who may ask the routes: who has a token of the log, anyone, or nobody. */
  routes: 'token' | 'open' | 'off';
  client: ClientOptions;
}

const ON = ['true', '1', 'yes', 'enable', 'enabled', 'on'];
const OFF = ['false', '0', 'no', 'disable', 'disabled', 'off'];

type Get = (key: string) => string | undefined;

const said = (value: unknown): string | undefined => (value === undefined || value === null || value === '' ? undefined : String(value));

/** A setting of the character, else of the environment. elizaOS merges into the character what its
 * database says, which the host can write: where the environment names the log, as that of `teelog run` does,
 * it alone counts. */
function getter(runtime: Pick<Runtime, 'getSetting'>, env: NodeJS.ProcessEnv): Get {
  const measured = (said(env.TEELOG_SOCKET) ?? said(env.TEELOG_URL)) !== undefined;
  return (key) => {
    const character = said(runtime.getSetting(key)), environment = said(env[key]);
    if (!measured) return character ?? environment;
    if (character !== undefined && character !== environment)
      throw new Error(`${key}: the character says something else than the environment, which has TEELOG_SOCKET or TEELOG_URL, and then counts alone`);
    return environment;
  };
}

function choice<T extends string>(get: Get, key: string, choices: readonly T[], otherwise: T): T {
  const value = get(key)?.trim().toLowerCase() ?? otherwise;
  if (!(choices as readonly string[]).includes(value)) throw new Error(`${key} must be one of ${choices.join(', ')}`);
  return value as T;
}

function number(get: Get, key: string, least: number, most: number, otherwise: number): number {
  const value = get(key) ?? String(otherwise), n = Number(value);
  if (!/^[0-9]+$/.test(value) || n < least || n > most) throw new Error(`${key} must be a number from ${least} to ${most}`);
  return n;
}

export function readSettings(runtime: Pick<Runtime, 'getSetting'>, env: NodeJS.ProcessEnv = process.env): Settings {
  const get = getter(runtime, env);
  const capture = ['text', 'digest', 'off'] as const;
  const enabled = choice(get, 'ENABLE_TEE_LOG', [...ON, ...OFF], 'true');
  return {
    enabled: ON.includes(enabled),
    fail: choice(get, 'TEE_LOG_FAIL', ['closed', 'open'] as const, 'closed'),
    messages: choice(get, 'TEE_LOG_MESSAGES', capture, 'text'),
    models: choice(get, 'TEE_LOG_MODELS', capture, 'digest'),
    wait: number(get, 'TEE_LOG_WAIT_MS', 1, 600000, 5000),
    queueCount: number(get, 'TEE_LOG_QUEUE', 1, 100000, 1024),
    queueBytes: number(get, 'TEE_LOG_QUEUE_BYTES', 1 << 20, 1 << 30, 16 << 20),
    routes: choice(get, 'TEE_LOG_ROUTES', ['token', 'open', 'off'] as const, 'token'),
    client: fromEnvironment(get),
  };
}
