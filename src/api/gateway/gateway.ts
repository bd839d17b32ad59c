import { GrpcCode } from "../../base/errors.ts";
import type { Timers } from "../../base/outside.ts";
import type { AuthGate } from "../auth/gate.ts";
import type {
  HttpBodyReader,
  HttpExchange,
  HttpFront,
  HttpResponse,
  Method,
  MethodTable,
} from "../call.ts";
import type { AccessControl } from "./access-control.ts";
import { type CallCounts, newCallCounts } from "./call-counts.ts";
import { type CallFrame, DEADLINE_TEXT, timeoutOf, unimplementedText } from "./call-frame.ts";
import { PLAIN_EVENTS, parseWatchQuery, wantsEventStream, watchEvents } from "./event-stream.ts";
import { errorBody, errorHeaders, httpStatusOf } from "./http-status.ts";
import { type Route, routesOf } from "./routes.ts";
import { JSON_LINES } from "./stream-format.ts";
import { type StreamMethod, StreamRequest } from "./stream-request.ts";
import { type UnaryMethod, UnaryRequest } from "./unary-request.ts";

export interface GatewayOptions {
  readonly methods: MethodTable;
  readonly access: AccessControl;
  readonly gate: Pick<AuthGate, "isOpen">;
  /** Longest message, in bytes (T4). */
  readonly messageBytesMax: number;
  readonly timers: Timers;
}

const PREFIX = "/v3/";
/** Under which etcd 3.3 had the same paths (G1). */
const OLD_PREFIX = "/v3beta/";
/** Nothing can be done in less, and no timer is shorter. */
const TIMEOUT_MS_LEAST = 1;
const WATCH_RPC = "/etcdserverpb.Watch/Watch";

/** To a certificate that would be taken for a user by gRPC, and is not here (A18). */
const COMMON_NAME_IGNORED =
  "CommonName of client sending a request against gateway will be ignored and not used as " +
  "expected\n";

/** Who has been answered already: the rest of the request is of no interest. */
const ANSWERED: HttpBodyReader = {
  heldBytes: 0,
  body: () => undefined,
  ended: () => undefined,
  cancelled: () => undefined,
  drained: () => undefined,
};

/**
 * etcd's JSON gateway (G1-G14): the methods of the table by POST, with JSON for their messages. It
 * drives the very methods that gRPC does, so whatever guards them guards it.
 */
export class Gateway implements HttpFront {
  readonly #options: GatewayOptions;
  readonly #routes: ReadonlyMap<string, Route>;
  /** By RPC path. */
  readonly counts: ReadonlyMap<string, CallCounts>;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#routes = routesOf(options.methods);
    this.counts = newCallCounts(options.methods);
  }

  wants(target: string): boolean {
    return /^\/v3(?:beta\/|[/?]|$)/.test(target);
  }

  begin(exchange: HttpExchange): HttpBodyReader {
    const verdict = this.#options.access.judge(exchange);
    if (verdict.kind === "answer") return answer(exchange, verdict.response);
    const { headers } = verdict;
    if (exchange.peerCommonName && !this.#options.gate.isOpen) {
      const type = { ...headers, "content-type": "text/plain; charset=utf-8" };
      return answer(exchange, { status: 400, headers: type, body: COMMON_NAME_IGNORED });
    }
    const { path, query } = split(exchange.target);
    if (`${path}/` === PREFIX) return answer(exchange, moved(headers, query));
    const route = this.#routes.get(path);
    if (route === undefined) return refuse(exchange, headers, 404, [5, "Not Found"]);
    const isWatch = route.rpc === WATCH_RPC;
    const isEvents = wantsEventStream(exchange.header("accept"));
    const isGet = exchange.method === "GET" && isWatch && isEvents;
    if (exchange.method !== "POST" && !isGet) {
      return refuse(exchange, headers, 501, [12, "Method Not Allowed"]);
    }
    const { method } = route;
    const counts = this.counts.get(route.rpc);
    if (method === undefined || counts === undefined) {
      return fail(exchange, headers, GrpcCode.unimplemented, unimplementedText(route.rpc));
    }
    const timeoutMs = timeoutOf(exchange);
    if (typeof timeoutMs === "string") {
      return fail(exchange, headers, GrpcCode.invalidArgument, timeoutMs);
    }
    if (timeoutMs !== undefined && timeoutMs < TIMEOUT_MS_LEAST) {
      return fail(exchange, headers, GrpcCode.deadlineExceeded, DEADLINE_TEXT);
    }
    const { messageBytesMax, timers } = this.#options;
    const frame = { exchange, route, counts, headers, messageBytesMax, timeoutMs, timers };
    if (isUnary(method)) return new UnaryRequest(frame, method);
    if (!isStream(method)) return ANSWERED;
    if (isGet) return beginEvents(frame, method, query);
    return beginStream(frame, method, isEvents);
  }
}

function beginStream(frame: CallFrame, method: StreamMethod, isEvents: boolean): HttpBodyReader {
  const request = new StreamRequest(frame, isEvents ? PLAIN_EVENTS : JSON_LINES);
  request.open(method);
  return request;
}

/** A watch whose one request stands in the query. */
function beginEvents(frame: CallFrame, method: StreamMethod, query: string): HttpBodyReader {
  const asked = parseWatchQuery(query, frame.exchange.header("last-event-id"));
  const request = new StreamRequest(frame, watchEvents(asked.startRevision));
  request.open(method);
  request.body(Buffer.from(asked.body));
  return request;
}

function isUnary(method: Method): method is UnaryMethod {
  return method.kind === "unary";
}

function isStream(method: Method): method is StreamMethod {
  return method.kind === "stream";
}

/** The path with the present prefix, and what stands behind the question mark. */
function split(target: string): { readonly path: string; readonly query: string } {
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  const isOld = path.startsWith(OLD_PREFIX);
  return { path: isOld ? PREFIX + path.slice(OLD_PREFIX.length) : path, query };
}

function fail(
  exchange: HttpExchange,
  headers: Readonly<Record<string, string>>,
  code: GrpcCode,
  text: string,
): HttpBodyReader {
  return refuse(exchange, headers, httpStatusOf(code), [code, text]);
}

/** What is wrong with the request itself has a status of its own (G6). */
function refuse(
  exchange: HttpExchange,
  headers: Readonly<Record<string, string>>,
  status: number,
  [code, text]: readonly [number, string],
): HttpBodyReader {
  const body = errorBody(code, text);
  return answer(exchange, { status, headers: { ...headers, ...errorHeaders(status, text) }, body });
}

/** As Go's router answers a path that only lacks its slash. */
function moved(headers: Readonly<Record<string, string>>, query: string): HttpResponse {
  const location = query === "" ? PREFIX : `${PREFIX}?${query.replaceAll(/[^!-~]|["<>&]/g, "")}`;
  return {
    status: 301,
    headers: { ...headers, location, "content-type": "text/html; charset=utf-8" },
    body: `<a href="${location}">Moved Permanently</a>.\n\n`,
  };
}

function answer(exchange: HttpExchange, { status, headers, body }: HttpResponse): HttpBodyReader {
  const text = String(body);
  exchange.start(status, { ...headers, "content-length": String(Buffer.byteLength(text)) });
  if (text !== "") exchange.write(text);
  exchange.finish();
  return ANSWERED;
}
