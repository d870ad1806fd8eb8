/** What is used of elizaOS, by its shape: it is the same in 1.7 and in the alphas of 2.0, and so
 * this package imports nothing of either. */

export interface Content {
  text?: string;
  actions?: string[];
  source?: string;
  metadata?: unknown;
  [key: string]: unknown;
}

export interface Memory {
  id?: string;
  entityId: string;
  roomId: string;
  content: Content;
  [key: string]: unknown;
}

export type Callback = (content: Content, ...more: unknown[]) => Promise<unknown>;

export type Handler = (runtime: Runtime, message: Memory, state?: unknown, options?: unknown, callback?: Callback, responses?: Memory[]) => Promise<unknown>;

export interface Action {
  name: string;
  handler: Handler;
  [key: string]: unknown;
}

export interface MessageResult {
  didRespond?: boolean;
  responseContent?: Content | null;
  [key: string]: unknown;
}

export interface MessageService {
  handleMessage(runtime: Runtime, message: Memory, callback?: Callback, options?: unknown): Promise<MessageResult>;
}

export interface Logger {
  info(about: object | string, text?: string): void;
  warn(about: object | string, text?: string): void;
  error(about: object | string, text?: string): void;
}

export interface Runtime {
  agentId: string;
  character: {name?: string};
  actions: Action[];
  messageService?: MessageService | null;
  logger: Logger;
  getSetting(key: string): unknown;
  registerAction(action: Action): void;
  processActions(message: Memory, responses?: unknown, state?: unknown, callback?: Callback, ...more: unknown[]): Promise<unknown>;
  useModel(type: string, params: unknown, ...more: unknown[]): Promise<unknown>;
  sendMessageToTarget?(target: unknown, content: Content, ...more: unknown[]): Promise<unknown>;
}

export interface RouteRequest {
  body?: unknown;
  params?: Record<string, string>;
  query?: Record<string, unknown>;
  headers?: Record<string, string | string[] | undefined>;
}

export interface RouteResponse {
  status(code: number): RouteResponse;
  json(data: unknown): RouteResponse;
}

export interface Route {
  type: 'GET' | 'POST';
  path: string;
  /** runtime: a Runtime, whose own type is each core's. */
  handler(request: RouteRequest, response: RouteResponse, runtime: unknown): Promise<void>;
}
