/** Actions: an intent before the handler runs, and what became of it after. */
import {AsyncLocalStorage} from 'node:async_hooks';
import type {Action, Callback, Handler, Memory} from './eliza.js';
import {type Logbook, NotLogged} from './logbook.js';
import type {Entry} from './queue.js';
import type {Capture} from './settings.js';
import {digest, json, reason, tried, type} from './words.js';

/** Members of a handler's options that are the runtime's and not parameters. */
const NOT_PARAMETERS = new Set(['actionContext', 'actionPlan', 'onStreamChunk', 'abortSignal']);

interface Plan {
  currentStep?: unknown;
  totalSteps?: unknown;
}

/** What the handler was called with: its options but for the runtime's own, and where these give
 * "parameters", those. Core 1.7 has them in the state where it takes several steps. */
function parameters(options: unknown, state: unknown): unknown {
  const own = typeof options === 'object' && options !== null ? Object.entries(options).filter(([key]) => !NOT_PARAMETERS.has(key)) : [];
  if (own.length === 1 && own[0]![0] === 'parameters') return own[0]![1];
  if (own.length > 0) return Object.fromEntries(own);
  return (state as {data?: {actionParams?: unknown}} | null | undefined)?.data?.actionParams ?? null;
}

/** The message that led to it, as messages are logged. */
function asked(message: Memory | undefined, how: Capture): unknown {
  const text = message?.content?.text;
  if (typeof text !== 'string' || how === 'off') return null;
  return how === 'digest' ? digest(text) : text;
}

function intent(name: string, args: Parameters<Handler>, how: Capture): string {
  const [, message, state, options] = args;
  const plan = (options as {actionPlan?: Plan} | null | undefined)?.actionPlan;
  return json({
    phase: 'intent', action: name, text: asked(message, how), parameters: tried(() => parameters(options, state)),
    messageId: message?.id, ...(plan && {step: plan.currentStep, steps: plan.totalSteps}),
  });
}

/** A handler that says success: false has failed, as one that throws has. */
function outcome(result: unknown): string {
  const failed = tried(() => typeof result === 'object' && result !== null && (result as {success?: unknown}).success === false);
  return json({phase: failed === true ? 'failure' : 'result', result: result === undefined ? null : result});
}

/** The agent says why, and the plan goes on with an action that failed. */
async function refuse(e: NotLogged, name: string, callback: Callback | undefined, refusals: WeakSet<object>): Promise<object> {
  const content = {text: e.message, actions: [name], source: 'tee_log'};
  refusals.add(content);
  await callback?.(content);
  return {success: false, text: e.message, error: e.message, data: {actionName: name, notLogged: true}};
}

/** For a copy that can be changed where the original is frozen, and whose accessors see the original's private fields. */
function members(action: Action): PropertyDescriptorMap {
  const out: PropertyDescriptorMap = {};
  for (let from: object | null = action; from && from !== Object.prototype; from = Object.getPrototypeOf(from) as object | null)
    for (const key of Reflect.ownKeys(from)) {
      const {get, set, ...data} = Object.getOwnPropertyDescriptor(from, key)!;
      if (Object.hasOwn(out, key) || (!get && !set && from !== action)) continue;
      out[key] = get || set ? {...(get && {get: get.bind(action)}), ...(set && {set: set.bind(action)}), enumerable: true, configurable: true}
        : {...data, writable: true, configurable: true};
    }
  return out;
}

/** A handler that logs: what it runs, and as whose. */
interface Ours {
  inner: Handler;
  self: unknown;
}
const ours = new WeakMap<Handler, Ours>();

/** A plugin may give its own object another handler after it was registered. */
function latest(of: Action, given: Handler): Handler {
  return function (this: unknown, ...args) {
    const now = of.handler;
    return (typeof now === 'function' && !ours.has(now) ? now : given).apply(this, args);
  };
}

interface Running {
  handler: Handler;
  over: boolean;
}

export class Actions {
  /** What agents say in place of what they did not do: it is not held back in its turn. */
  readonly refusals = new WeakSet<object>();
  readonly #book: Logbook;
  readonly #copies = new WeakSet<Action>();
  /** What runs, and once it has ended what goes on after it. */
  readonly #running = new AsyncLocalStorage<Running>();
  /** By what a handler of ours was replaced. */
  readonly #replaced = new WeakMap<Handler, Handler>();

  constructor(book: Logbook) {
    this.#book = book;
  }

  /** Every action that the runtime has, or gets, whoever writes it into the list. */
  attach(): void {
    const {runtime} = this.#book;
    let list = this.#watched(runtime.actions);
    Object.defineProperty(runtime, 'actions', {
      configurable: true, enumerable: true,
      get: () => list,
      set: (next: Action[]) => {
        list = this.#watched(next);
      },
    });
  }

  #watched(list: Action[]): Action[] {
    for (const [i, action] of list.entries()) list[i] = this.#logged(action);
    return new Proxy(list, {
      // Also what somebody has written into it who had it before us.
      get: (from, key) => {
        const value = Reflect.get(from, key) as unknown, logged = this.#logged(value);
        if (logged !== value) Reflect.set(from, key, logged);
        return logged;
      },
      defineProperty: (to, key, d) => Reflect.defineProperty(to, key, 'value' in d ? {...d, value: this.#logged(d.value as unknown)} : d),
    });
  }

  #logged<T>(value: T): T {
    const isAction = typeof value === 'object' && value !== null && 'name' in value && 'handler' in value && !this.#copies.has(value as unknown as Action);
    return isAction ? (this.#copy(value as unknown as Action) as T) : value;
  }

  /** A copy: a plugin's objects are shared between the agents of a process. Whatever is put in the place of its
   * handler is logged as well. */
  #copy(action: Action): Action {
    const copy = Object.create(Object.getPrototypeOf(action), members(action)) as Action;
    let handler = this.#handler(copy, action.handler, action);
    Object.defineProperty(copy, 'handler', {
      configurable: true, enumerable: true,
      get: () => handler,
      set: (next: Handler) => {
        const before = handler;
        handler = this.#handler(copy, next, copy);
        if (before && handler && before !== handler) this.#replaced.set(before, handler);
      },
    });
    if (typeof action.validate === 'function')
      Object.defineProperty(copy, 'validate', {value: action.validate.bind(action), writable: true, enumerable: true, configurable: true});
    this.#copies.add(copy);
    return copy;
  }

  /** Where the handler logs already (the action is a copy of a copy, or another agent's), it is taken out of that: each
   * action is logged once, by the agent that has it. */
  #handler(copy: Action, given: Handler, of: Action): Handler {
    if (typeof given !== 'function') return given;
    const {inner, self} = ours.get(given) ?? {inner: latest(of, given), self: of};
    const handler: Handler = (...args) => {
      const running = this.#running.getStore();
      // What took this one's place calls it: that is one action.
      if (running && !running.over && this.#isReplacedBy(handler, running.handler)) return inner.apply(self, args);
      const mine = {handler, over: false};
      return this.#running.run(mine, () => this.#run(copy.name, () => inner.apply(self, args), args)).finally(() => (mine.over = true));
    };
    ours.set(handler, {inner, self});
    return handler;
  }

  #isReplacedBy(handler: Handler, other: Handler): boolean {
    for (let next = this.#replaced.get(handler); next; next = this.#replaced.get(next)) if (next === other) return true;
    return false;
  }

  async #run(name: string, work: () => Promise<unknown>, args: Parameters<Handler>): Promise<unknown> {
    const book = this.#book, {run} = book, kind = type('Action', name), [, message, , , callback] = args;
    let entry: Entry | null;
    try {
      // What stands behind it in the plan may count on what did not happen.
      entry = await book.before({type: kind, content: intent(name, args, book.settings.messages), message}, `I did not do ${name}`,
        run?.refused ? 'nor could what was to be done before it' : undefined);
    } catch (e) {
      if (!(e instanceof NotLogged)) throw e;
      if (run) run.refused = true;
      return refuse(e, name, callback, this.refusals);
    }
    return book.whileItRuns(async () => {
      let result: unknown;
      try {
        result = await work();
      } catch (e) {
        book.after({type: kind, content: json({phase: 'failure', error: reason(e)}), message}, entry);
        throw e;
      }
      book.after({type: kind, content: outcome(result), message}, entry);
      return result;
    });
  }
}
