/** Model calls: what was asked and what came back, as digests unless texts were wished. */
import type {Logbook} from './logbook.js';
import type {Capture} from './settings.js';
import {digest, json, reason, tried, type} from './words.js';

/** The prompt, where there is one: the rest of the parameters are numbers. */
function asked(params: unknown): string {
  if (typeof params === 'object' && params !== null && !ArrayBuffer.isView(params))
    for (const key of ['prompt', 'text', 'input', 'messages'] as const) {
      const value = (params as Record<string, unknown>)[key];
      if (value !== undefined) return typeof value === 'string' ? value : json(value);
    }
  return typeof params === 'string' ? params : json(params ?? null);
}

function given(value: unknown, how: Capture): unknown {
  if (typeof value === 'object' && value !== null && ('textStream' in value || Symbol.asyncIterator in value)) return 'a stream';
  const text = typeof value === 'string' ? value : json(value ?? null);
  return how === 'text' ? text : digest(text);
}

export function attachModels(book: Logbook): void {
  const {runtime, settings} = book;
  if (settings.models === 'off') return;
  const how = settings.models;
  const use = runtime.useModel.bind(runtime);
  runtime.useModel = async (model, params, ...more) => {
    const prompt = String(tried(() => asked(params))), kind = type('Model', String(model)), began = Date.now();
    // On its way before the model is asked; nobody waits for it, since what acts on the answer does.
    const intent = book.note({type: kind, content: json({phase: 'intent', model: String(model), prompt: how === 'text' ? prompt : digest(prompt)})});
    const settle = (what: object) => book.after({type: kind, content: json({...what, ms: Date.now() - began})}, intent);
    let response: unknown;
    try {
      response = await use(model, params, ...more);
    } catch (e) {
      settle({phase: 'failure', error: reason(e)});
      throw e;
    }
    settle({phase: 'result', response: tried(() => given(response, how))});
    return response;
  };
}
