/** The original's routes, /tee/agents and /tee/logs: what the log answers there, unchanged, so that
 * its quote can be checked (docs/rest.md). Who asks has to show a token of the log that is good for
 * reading, and gets what that token is good for: this agent's own rights are not lent to strangers. */
import {TeelogError} from './client.js';
import type {Route, RouteRequest, RouteResponse, Runtime} from './eliza.js';
import type {Logbook} from './logbook.js';

const ASKING_MAX = 32;
let asking = 0; // in this process

type Find = (runtime: Runtime) => Logbook | null;

interface Question {
  method: 'GET' | 'POST';
  path: string;
  body: string | null;
}

function bearer(request: RouteRequest): string | null {
  const field = request.headers?.authorization ?? request.headers?.Authorization;
  const m = typeof field === 'string' ? /^Bearer ([\x21-\x7e]{1,512})$/.exec(field) : null;
  return m ? m[1]! : null;
}

/** Of a query, what the log knows; it refuses what is wrong. */
function query(request: RouteRequest): string {
  const known = ['nonce', 'page', 'pageSize'].flatMap((key) => {
    const value = request.query?.[key];
    return typeof value === 'string' || typeof value === 'number' ? [`${key}=${encodeURIComponent(String(value))}`] : [];
  });
  return known.length ? `?${known.join('&')}` : '';
}

async function answer(book: Logbook | null, request: RouteRequest, response: RouteResponse, question: Question): Promise<void> {
  if (!book || book.settings.routes === 'off') return void response.status(404).json({error: 'there is nothing at this path'});
  const token = bearer(request);
  if (!token && book.settings.routes !== 'open')
    return void response.status(401).json({error: 'a token is needed that is good for reading (teelog token create --scope read)'});
  if (asking >= ASKING_MAX) return void response.status(503).json({error: 'too many questions wait for the log already'});
  asking++;
  try {
    const {body} = await book.client.ask(question.method, question.path, question.body, token ?? undefined);
    response.status(200).json(JSON.parse(body.toString('utf8')));
  } catch (e) {
    const status = e instanceof TeelogError && e.status >= 400 ? e.status : 503;
    response.status(status).json({error: e instanceof Error ? e.message : 'the log cannot be asked', ...(e instanceof TeelogError && e.field && {field: e.field})});
  } finally {
    asking--;
  }
}

export function routes(find: Find): Route[] {
  const route = (type: 'GET' | 'POST', path: string, ask: (request: RouteRequest) => Question): Route =>
    ({type, path, handler: async (request, response, runtime) => answer(find(runtime as Runtime), request, response, ask(request))});
  return [
    route('GET', '/agents', (q) => ({method: 'GET', path: `/tee/agents${query(q)}`, body: null})),
    route('GET', '/agents/:agentId', (q) => ({method: 'GET', path: `/tee/agents/${encodeURIComponent(q.params?.agentId ?? '')}${query(q)}`, body: null})),
    route('POST', '/logs', (q) => ({method: 'POST', path: '/tee/logs', body: JSON.stringify(q.body ?? {})})),
  ];
}
