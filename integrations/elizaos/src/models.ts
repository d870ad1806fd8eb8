/** Model calls: what was asked and what came back, as digests unless texts were wished. */
import type {Logbook} from './logbook.js';
import type {Capture} from './settings.js';
import {bytesDigest, digest, type Digest, json, reason, tried, type} from './words.js';

/** The prompt, where there is one; all of the parameters have a digest beside it. Bytes are a digest. */
function asked(params: unknown): string | Digest {
  if (typeof params === 'string') return params;
  const bytes = bytesDigest(params);
  if (bytes || typeof params !== 'object' || params === null) return bytes ?? json(params);
  for (const key of ['prompt', 'text', 'input', 'messages'] as const) {
    const value = (params as Record<string, unknown>)[key];
    if (value !== undefined) return typeof value === 'string' ? value : bytesDigest(value) ?? json(value);
  }
  return json(params);
}

/** Its text goes by in pieces, and is not ours to hold up. */
interface Stream {
  stream: true;
}

function given(value: unknown): string | Digest | Stream {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && ('textStream' in value || Symbol.asyncIterator in value)) return {stream: true};
  return bytesDigest(value) ?? json(value);
}

function shown(make: () => string | Digest | Stream, how: Capture): unknown {
  const what = tried(make);
  return typeof what === 'string' && how !== 'text' ? digest(what) : what;
}

export function attachModels(book: Logbook): void {
  const {runtime, settings} = book;
  if (settings.models === 'off') return;
  const how = settings.models;
  const use = runtime.useModel.bind(runtime);
  runtime.useModel = async (model, params, ...more) => {
    const kind = type('Model', String(model)), began = Date.now();
    // On its way before the model is asked; nobody waits for it, since what acts on the answer does.
    const intent = book.note({type: kind, content: json({phase: 'intent', model: String(model), prompt: shown(() => asked(params), how),
      ...(typeof params === 'object' && params !== null && {parameters: digest(json(params))})})});
    const settle = (what: object) => book.after({type: kind, content: json({...what, ms: Date.now() - began})}, intent);
    let response: unknown;
    try {
      response = await use(model, params, ...more);
    } catch (e) {
      settle({phase: 'failure', error: reason(e)});
      throw e;
    }
    settle({phase: 'result', response: shown(() => given(response), how)});
    return response;
  };
}
