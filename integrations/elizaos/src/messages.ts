/** Messages: one that comes in is on its way to the log before it is handled, one that goes out is
 * durable before it goes. So all that led to a reply is logged before the reply is seen. */
import type {Callback, Content, Memory, MessageResult, MessageService, Runtime} from './eliza.js';
import {type Logbook, NotLogged} from './logbook.js';
import type {Capture} from './settings.js';
import {digest, id as bounded, json} from './words.js';

function written(content: Content | undefined, how: Capture): string {
  const text = typeof content?.text === 'string' ? content.text : json(content ?? null);
  return how === 'digest' ? json(digest(text)) : text;
}

/** The digest is of all of it, as JSON: attachments and whatever else is beside the text. */
function attributes(content: Content | undefined, id?: string): Record<string, string | number> {
  const files = Array.isArray(content?.attachments) ? content.attachments.length : 0;
  return {
    sha256: digest(json(content ?? null)).sha256,
    ...(id && {messageId: bounded(id)}),
    ...(typeof content?.source === 'string' && content.source && {source: content.source.slice(0, 128).toWellFormed()}),
    ...(files > 0 && {attachments: files}),
  };
}

/** What handling a message came to where something was not said: nothing of that is in it. */
const instead = (responseContent: Content): MessageResult =>
  ({didRespond: true, responseContent, responseMessages: [], state: {values: {}, data: {}, text: ''}, mode: 'none'});

export class Messages {
  readonly #book: Logbook;
  readonly #refusals: WeakSet<object>;
  readonly #wrapped = new WeakSet<MessageService>();
  /** What replies say of their receipts, and the text that each was made for. */
  readonly #given = new WeakMap<object, string | undefined>();

  constructor(book: Logbook, refusals: WeakSet<object>) {
    this.#book = book;
    this.#refusals = refusals;
  }

  attach(): void {
    this.#attachService();
    const {runtime} = this.#book;
    const process = runtime.processActions.bind(runtime);
    runtime.processActions = (message, responses, state, callback, ...more) => {
      const work = () => process(message, responses, state, callback && this.#reply(message, callback), ...more);
      return this.#book.run ? work() : this.#book.inRun(message, work);
    };
    const send = runtime.sendMessageToTarget?.bind(runtime);
    if (send)
      runtime.sendMessageToTarget = async (target, content, ...more) => send(target, await this.#out(content, undefined), ...more);
  }

  /** The runtime's message service, and any that takes its place: it is made after plugins are. */
  #attachService(): void {
    const {runtime} = this.#book;
    let service = this.#wrap(runtime.messageService ?? null);
    Object.defineProperty(runtime, 'messageService', {
      configurable: true, enumerable: true,
      get: () => service,
      set: (next: MessageService | null) => {
        service = this.#wrap(next);
      },
    });
  }

  #wrap(service: MessageService | null): MessageService | null {
    if (!service || this.#wrapped.has(service)) return service;
    this.#wrapped.add(service);
    const handle = service.handleMessage.bind(service);
    service.handleMessage = (runtime, message, callback, options) =>
      // One message service may serve several agents.
      runtime === this.#book.runtime ? this.#handle(handle, runtime, message, callback, options) : handle(runtime, message, callback, options);
    return service;
  }

  #handle(handle: MessageService['handleMessage'], runtime: Runtime, message: Memory, callback: Callback | undefined, options: unknown) {
    const {settings} = this.#book;
    return this.#book.inRun(message, async () => {
      try {
        if (settings.messages !== 'off')
          this.#book.note({type: 'Message:in', content: written(message.content, settings.messages), attributes: attributes(message.content, message.id)});
        const result = await handle(runtime, message, callback && this.#reply(message, callback), options);
        // Who gave no callback takes the reply from what is returned.
        const reply = callback ? null : result?.responseContent;
        const out = reply && (await this.#out(reply, message));
        const held = this.#book.run?.held;
        return held ? instead(held) : out ? {...result, responseContent: out} : result;
      } catch (e) {
        if (!(e instanceof NotLogged)) throw e;
        return this.#refuse(e, callback);
      }
    });
  }

  #reply(message: Memory, callback: Callback): Callback {
    return async (content, ...more) => callback(await this.#out(content, message), ...more);
  }

  /** The message was not handled, or not to the end, and the agent says why. */
  async #refuse(e: NotLogged, callback: Callback | undefined): Promise<MessageResult> {
    const result = instead({text: e.message, source: 'tee_log'});
    await callback?.(result.responseContent!);
    return result;
  }

  /** What may go out in place of this content: a copy that has its receipts, or why not. */
  async #out(content: Content, message: Memory | undefined): Promise<Content> {
    const book = this.#book, how = book.settings.messages;
    // It comes through a callback around another one of ours.
    const told = (content.metadata as {teelog?: object} | null | undefined)?.teelog;
    if (told && this.#given.get(told) === content.text) return content;
    if (how === 'off') return this.#with(content);
    const event = {type: 'Message:out', content: written(content, how), message, attributes: attributes(content)};
    if (this.#refusals.has(content)) {
      // It says what is wrong with the log: it cannot wait for that.
      try {
        book.note(event);
      } catch (e) {
        if (!(e instanceof NotLogged)) throw e;
      }
      return this.#with(content);
    }
    try {
      await book.before(event, 'I did not say what I was going to');
      return this.#with(content);
    } catch (e) {
      if (!(e instanceof NotLogged)) throw e;
      const said = this.#with({text: e.message, source: 'tee_log', ...(content.inReplyTo !== undefined && {inReplyTo: content.inReplyTo})});
      if (book.run) book.run.held ??= said;
      return said;
    }
  }

  #with(content: Content): Content {
    const records = (this.#book.run?.shown ?? []).flatMap(({receipt}) => receipt ?? []);
    const before = typeof content.metadata === 'object' && content.metadata !== null ? content.metadata : {};
    const teelog = {log: this.#book.client.logKey, agentId: this.#book.runtime.agentId, records};
    this.#given.set(teelog, content.text);
    return {...content, metadata: {...before, teelog}};
  }
}
