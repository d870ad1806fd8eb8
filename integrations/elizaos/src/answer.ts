/** Answers as a teelog writes them: HTTP/1.1 with a Content-Length. What is read comes from outside. */

export interface Answer {
  status: number;
  /** Seconds, where the service said to come again. */
  retryAfter: number | null;
  body: Buffer;
}

/** What answers is no teelog. */
export class AnswerError extends Error {}

const HEAD_MAX = 16384;
const END = '\r\n\r\n';

interface Head {
  status: number;
  retryAfter: number | null;
  length: number;
  /** Whether the connection is good for another request. */
  keeps: boolean;
}

function readHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const status = /^HTTP\/1\.1 ([2-5][0-9][0-9])(?: .*)?$/.exec(first);
  if (!status) throw new AnswerError('what answers does not speak HTTP as teelog does');
  const fields = new Map<string, string>();
  for (const line of lines) {
    const m = /^([A-Za-z0-9-]+):[ \t]*(.*?)[ \t]*$/.exec(line), name = m?.[1]!.toLowerCase();
    if (!m || !name || fields.has(name)) throw new AnswerError('what answers does not speak HTTP as teelog does');
    fields.set(name, m[2]!);
  }
  const length = fields.get('content-length') ?? '';
  if (!/^[0-9]{1,10}$/.test(length) || fields.has('transfer-encoding')) throw new AnswerError('what answers does not speak HTTP as teelog does: it has no length');
  const after = Number(fields.get('retry-after') || NaN);
  return {status: Number(status[1]), retryAfter: after >= 0 ? after : null, length: Number(length),
    keeps: fields.get('connection')?.toLowerCase() !== 'close'};
}

/** One answer, piece by piece. */
export class Reader {
  readonly #max: number;
  readonly #parts: Buffer[] = [];
  #got = 0;
  #head: Head | null = null;
  #from = 0; // of the body

  /** max: bytes of the body. */
  constructor(max: number) {
    this.#max = max;
  }

  get begun(): boolean {
    return this.#got > 0;
  }

  /** The answer, once it is whole, and whether the connection is good for another. */
  take(part: Buffer): {answer: Answer; keeps: boolean} | null {
    this.#parts.push(part);
    this.#got += part.length;
    const head = (this.#head ??= this.#findHead());
    if (!head || this.#got < this.#from + head.length) return null;
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts), end = this.#from + head.length;
    return {answer: {status: head.status, retryAfter: head.retryAfter, body: all.subarray(this.#from, end)}, keeps: head.keeps && all.length === end};
  }

  #findHead(): Head | null {
    const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    const end = all.subarray(0, HEAD_MAX).indexOf(END);
    if (end < 0 && all.length >= HEAD_MAX) throw new AnswerError('what answers does not speak HTTP as teelog does: its head does not end');
    if (end < 0) return null;
    const head = readHead(all.toString('latin1', 0, end));
    if (head.length > this.#max) throw new AnswerError(`its answer is longer than receipts are (${this.#max} bytes)`);
    this.#from = end + END.length;
    return head;
  }
}
