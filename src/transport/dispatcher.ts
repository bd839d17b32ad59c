import type { HttpFront, HttpHandler } from "../api/call.ts";
import { GrpcCode } from "../base/errors.ts";
import { parseGrpcTimeout } from "../base/grpc-timeout.ts";
import { grpcTrailersOnly } from "./header-block.ts";
import { headerOf } from "./http2/request-head.ts";
import type { Stream, StreamConsumer, StreamHost } from "./http2/stream.ts";
import type { ServedMethod, ServedMethods } from "./method-table.ts";
import { PiecewiseExchange } from "./piecewise-exchange.ts";
import { PlainExchange } from "./plain-exchange.ts";
import { StreamExchange, type StreamMethod } from "./stream-exchange.ts";
import {
  type CallContext,
  DEADLINE_TEXT,
  UnaryExchange,
  type UnaryMethod,
} from "./unary-exchange.ts";

const GRPC_CONTENT_TYPE = "application/grpc";

/** Who answers what is not gRPC. */
export interface HttpAnswers {
  readonly handler: HttpHandler;
  /** Asked first, when there is one. */
  readonly front: HttpFront | undefined;
}

/** Decides by a request's head what it is, and refuses the calls that cannot be served. */
export class Dispatcher {
  readonly #methods: ServedMethods;
  readonly #http: HttpAnswers;
  readonly #context: CallContext;

  constructor(methods: ServedMethods, http: HttpAnswers, context: CallContext) {
    this.#methods = methods;
    this.#http = http;
    this.#context = context;
  }

  /** The consumer of a new stream; undefined when the stream has been answered. */
  open(host: StreamHost, stream: Stream): StreamConsumer | undefined {
    const { head } = stream;
    if (!isGrpc(head.contentType)) return this.#openHttp(host, stream);
    const timeout = headerOf(head, "grpc-timeout");
    const timeoutMs = timeout === undefined ? undefined : parseGrpcTimeout(timeout);
    if (typeof timeoutMs === "string") {
      const text = `malformed grpc-timeout: ${timeoutMs}`;
      return refuse(host, stream, grpcTrailersOnly(GrpcCode.internal, text, 400));
    }
    if (head.method !== "POST") {
      const given = `parsed a :method field: ${head.method}`;
      const text = `http2Server.operateHeaders ${given} which should be POST`;
      return refuse(host, stream, grpcTrailersOnly(GrpcCode.internal, text, 405));
    }
    const served = this.#methods.get(head.path);
    if (served === undefined) {
      const text = this.#methods.unknownText(head.path);
      return refuse(host, stream, grpcTrailersOnly(GrpcCode.unimplemented, text));
    }
    const encoding = headerOf(head, "grpc-encoding") ?? "identity";
    if (encoding !== "identity" && encoding !== "") {
      const quoted = JSON.stringify(encoding);
      const text = `grpc: Decompressor is not installed for grpc-encoding ${quoted}`;
      return refuse(host, stream, grpcTrailersOnly(GrpcCode.unimplemented, text));
    }
    if (timeoutMs === 0) {
      return refuse(host, stream, grpcTrailersOnly(GrpcCode.deadlineExceeded, DEADLINE_TEXT));
    }
    return this.#call(host, stream, served, timeoutMs);
  }

  #openHttp(host: StreamHost, stream: Stream): StreamConsumer {
    const { front, handler } = this.#http;
    if (front?.wants(stream.head.path) !== true) {
      return new PlainExchange(host, stream, handler, this.#context.messageBytesMax);
    }
    const exchange = new PiecewiseExchange(host, stream);
    exchange.run(front);
    return exchange;
  }

  #call(
    host: StreamHost,
    stream: Stream,
    served: ServedMethod,
    timeoutMs: number | undefined,
  ): StreamConsumer | undefined {
    if (isUnary(served)) {
      const exchange = new UnaryExchange(host, stream, served, this.#context);
      if (timeoutMs !== undefined) exchange.expireAt(stream.openedAtMs + timeoutMs);
      return exchange;
    }
    if (!isStream(served)) return undefined;
    const exchange = new StreamExchange(host, stream, served, this.#context);
    if (timeoutMs !== undefined) exchange.expireAt(stream.openedAtMs + timeoutMs);
    exchange.open();
    return exchange;
  }
}

function isUnary(served: ServedMethod): served is UnaryMethod {
  return served.method.kind === "unary";
}

function isStream(served: ServedMethod): served is StreamMethod {
  return served.method.kind === "stream";
}

function isGrpc(contentType: string): boolean {
  if (contentType === GRPC_CONTENT_TYPE) return true;
  if (!contentType.startsWith(GRPC_CONTENT_TYPE)) return false;
  const next = contentType.charAt(GRPC_CONTENT_TYPE.length);
  return next === "+" || next === ";";
}

function refuse(host: StreamHost, stream: Stream, block: Uint8Array): undefined {
  host.sender.headers(stream, block, true);
  return undefined;
}
