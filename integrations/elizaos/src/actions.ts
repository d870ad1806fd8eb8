/** Actions: an intent before the handler runs, and what became of it after. */
import type {Action, Callback, Handler, Memory, Runtime} from './eliza.js';
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

/** Handlers of ours: of which agent, and which action each runs. */
interface Ours {
  book: Logbook;
  name: string;
  action: Action;
}
const ours = new WeakMap<Handler, Ours>();

/** What the handler was called with: its options but for the runtime's own, and where these give
 * "parameters", those. */
function parameters(options: unknown): unknown {
  if (typeof options !== 'object' || options === null) return options ?? null;
  const own = Object.entries(options).filter(([key]) => !NOT_PARAMETERS.has(key));
  if (own.length === 0) return null;
  return own.length === 1 && own[0]![0] === 'parameters' ? own[0]![1] : Object.fromEntries(own);
}

/** The message that led to it, as messages are logged. */
function asked(message: Memory | undefined, how: Capture): unknown {
  const text = message?.content?.text;
  if (typeof text !== 'string' || how === 'off') return null;
  return how === 'digest' ? digest(text) : text;
}

function intent(name: string, message: Memory | undefined, options: unknown, how: Capture): string {
  const plan = (options as {actionPlan?: Plan} | null | undefined)?.actionPlan;
  return json({
    phase: 'intent', action: name, text: asked(message, how), parameters: tried(() => parameters(options)),
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

export class Actions {
  /** What agents say in place of what they did not do: it is not held back in its turn. */
  readonly refusals = new WeakSet<object>();
  readonly #book: Logbook;

  constructor(book: Logbook) {
    this.#book = book;
  }

  /** Every action that the runtime has, or is given later. */
  attach(): void {
    const {runtime} = this.#book;
    this.#sweep(runtime);
    const register = runtime.registerAction.bind(runtime);
    runtime.registerAction = (action) => {
      register(action);
      this.#sweep(runtime);
    };
    // Somebody may have written into the list itself, or given an action another handler.
    const process = runtime.processActions.bind(runtime);
    runtime.processActions = (...args) => {
      this.#sweep(runtime);
      return process(...args);
    };
  }

  #sweep(runtime: Runtime): void {
    for (const [i, action] of runtime.actions.entries()) {
      if (typeof action.handler !== 'function') continue;
      const known = ours.get(action.handler);
      if (known?.book !== this.#book || known.name !== action.name) runtime.actions[i] = this.#copy(action, known?.action ?? action);
    }
  }

  /** A copy: a plugin's objects are shared between the agents of a process. What runs is the
   * original's handler, also where the action is a copy of one of ours: each logs once. */
  #copy(action: Action, original: Action): Action {
    const copy = Object.create(Object.getPrototypeOf(action), Object.getOwnPropertyDescriptors(action)) as Action;
    const set = (key: string, value: unknown) => Object.defineProperty(copy, key, {value, writable: true, enumerable: true, configurable: true});
    const handler = this.#handler(action.name, original);
    ours.set(handler, {book: this.#book, name: action.name, action: original});
    set('handler', handler);
    if (typeof action.validate === 'function') set('validate', action.validate.bind(action));
    return copy;
  }

  #handler(name: string, original: Action): Handler {
    const book = this.#book, kind = type('Action', name), run = original.handler;
    return async (runtime, message, state, options, callback, responses) => {
      let entry: Entry | null;
      try {
        entry = await book.before({type: kind, content: intent(name, message, options, book.settings.messages), message}, `I did not do ${name}`);
      } catch (e) {
        if (!(e instanceof NotLogged)) throw e;
        return refuse(e, name, callback, this.refusals);
      }
      let result: unknown;
      try {
        result = await run.call(original, runtime, message, state, options, callback, responses);
      } catch (e) {
        book.after({type: kind, content: json({phase: 'failure', error: reason(e)}), message}, entry);
        throw e;
      }
      book.after({type: kind, content: outcome(result), message}, entry);
      return result;
    };
  }
}
