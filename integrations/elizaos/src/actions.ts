/** Actions: an intent before the handler runs, and what became of it after. */
import type {Action, Callback, Handler, Memory, Runtime} from './eliza.js';
import {type Logbook, NotLogged} from './logbook.js';
import type {Entry} from './queue.js';
import {json, type} from './words.js';

/** Members of a handler's options that are the runtime's and not parameters. */
const NOT_PARAMETERS = new Set(['actionContext', 'actionPlan', 'onStreamChunk', 'abortSignal']);

interface Plan {
  currentStep?: unknown;
  totalSteps?: unknown;
}

/** What the handler was called with: its options but for the runtime's own, and where these give
 * "parameters", those. */
function parameters(options: unknown): unknown {
  if (typeof options !== 'object' || options === null) return options ?? null;
  const own = Object.entries(options).filter(([key]) => !NOT_PARAMETERS.has(key));
  if (own.length === 0) return null;
  return own.length === 1 && own[0]![0] === 'parameters' ? own[0]![1] : Object.fromEntries(own);
}

function intent(name: string, message: Memory, options: unknown): string {
  const plan = (options as {actionPlan?: Plan} | undefined)?.actionPlan;
  return json({
    phase: 'intent', action: name, text: message.content?.text ?? null, parameters: parameters(options),
    messageId: message.id, ...(plan && {step: plan.currentStep, steps: plan.totalSteps}),
  });
}

/** A handler that says success: false has failed, as one that throws has. */
function outcome(result: unknown): string {
  const failed = typeof result === 'object' && result !== null && (result as {success?: unknown}).success === false;
  return json({phase: failed ? 'failure' : 'result', result: result === undefined ? null : result});
}

const failure = (e: unknown): string =>
  json({phase: 'failure', error: e instanceof Error ? {name: e.name, message: e.message} : String(e)});

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
  readonly #wrapped = new WeakSet<Action>();

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
    // Somebody may have written into the list itself.
    const process = runtime.processActions.bind(runtime);
    runtime.processActions = (...args) => {
      this.#sweep(runtime);
      return process(...args);
    };
  }

  #sweep(runtime: Runtime): void {
    for (const [i, action] of runtime.actions.entries())
      if (!this.#wrapped.has(action)) runtime.actions[i] = this.#copy(action);
  }

  /** A copy: a plugin's objects are shared between the agents of a process. */
  #copy(action: Action): Action {
    const copy = Object.create(Object.getPrototypeOf(action), Object.getOwnPropertyDescriptors(action)) as Action;
    const set = (key: string, value: unknown) => Object.defineProperty(copy, key, {value, writable: true, enumerable: true, configurable: true});
    if (typeof action.handler === 'function') set('handler', this.#handler(action));
    if (typeof action.validate === 'function') set('validate', action.validate.bind(action));
    this.#wrapped.add(copy);
    return copy;
  }

  #handler(action: Action): Handler {
    return async (runtime, message, state, options, callback, responses) => {
      const book = this.#book, name = action.name, kind = type('Action', name);
      let entry: Entry | null;
      try {
        entry = await book.before({type: kind, content: intent(name, message, options), message}, `I did not do ${name}`);
      } catch (e) {
        if (!(e instanceof NotLogged)) throw e;
        return refuse(e, name, callback, this.refusals);
      }
      let result: unknown;
      try {
        result = await action.handler.call(action, runtime, message, state, options, callback, responses);
      } catch (e) {
        book.after({type: kind, content: failure(e), message}, entry);
        throw e;
      }
      book.after({type: kind, content: outcome(result), message}, entry);
      return result;
    };
  }
}
