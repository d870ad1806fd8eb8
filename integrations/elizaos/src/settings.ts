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
const CONNECTION = ['TEELOG_SOCKET', 'TEELOG_URL', 'TEELOG_TOKEN', 'TEELOG_TOKEN_FILE', 'TEELOG_LOG_KEY', 'TEELOG_CA', 'TEELOG_TLS_KEY',
  'TEELOG_PEER_POLICY', 'TEELOG_PEER_COLLATERAL', 'TEELOG_PROGRAM'];

type Get = (key: string) => string | undefined;

/** A setting of the character, else of the environment. */
function getter(runtime: Pick<Runtime, 'getSetting'>, env: NodeJS.ProcessEnv): Get {
  return (key) => {
    const value = runtime.getSetting(key);
    const text = value === undefined || value === null || value === '' ? env[key] : String(value);
    return text === '' ? undefined : text;
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
    queueBytes: number(get, 'TEE_LOG_QUEUE_BYTES', 65536, 1 << 30, 16 << 20),
    routes: choice(get, 'TEE_LOG_ROUTES', ['token', 'open', 'off'] as const, 'token'),
    client: fromEnvironment(Object.fromEntries(CONNECTION.map((key) => [key, get(key)]))),
  };
}
