import type { EtcdError, GrpcCode } from "../base/errors.ts";

/**
 * The shape of one RPC between transport and api. Transport knows bytes and calls, api knows etcd;
 * neither sees the other's insides. Callbacks instead of promises: a unary call costs no allocation
 * but its own objects.
 */
export interface CallInfo {
  /** The first value of a request header, name in lower case; undefined when absent. */
  header(name: string): string | undefined;
  /** The client's address, for people: `127.0.0.1:51234`. */
  readonly peer: string;
  /**
   * The common name of the client's certificate, verified, where certificates stand for users
   * (--client-cert-auth), empty when it has none; else undefined.
   */
  readonly peerCommonName?: string | undefined;
}

/** How a unary call is answered: one of the two, once, now or later; further calls are void. */
export interface UnaryCall extends CallInfo {
  /**
   * Whether the caller is still allowed what it was allowed when the call came: asked before a
   * change by whoever has waited since. Absent where nobody judges.
   */
  recheck?(): EtcdError | undefined;
  /**
   * Calls `fire` once when the client leaves, its deadline passes or the connection breaks before
   * the answer; at once, if that was before. Absent where nobody leaves. The last one asked counts.
   */
  whenCancelled?(fire: () => void): void;
  /** `message` is the encoded response, copied before this returns. */
  reply(message: Uint8Array): void;
  fail(code: GrpcCode, message: string): void;
}

/** How a streaming call is answered. After `end`, or after `cancelled`, all of it is void. */
export interface StreamCall extends CallInfo {
  /**
   * Sends one message, copied before this returns. Always taken; `writable` says whether the client
   * keeps up.
   */
  send(message: Uint8Array): void;
  /**
   * Takes a message made of a head, copied, and a body, which may be held by reference and must
   * never change again; or takes nothing and returns false, when the client has not read enough.
   * After a false, `drained` is called once there is room.
   */
  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean;
  /** False while messages wait for the client; `drained` follows when it turns true. */
  readonly writable: boolean;
  /** Ends the call with a status. */
  end(code: GrpcCode, message: string): void;
  /** Stops or starts the delivery of request messages: back-pressure towards the client. */
  pauseRequests(paused: boolean): void;
}

/** The api's side of one open stream. */
export interface StreamHandler {
  /** One whole request message, borrowed until this returns. */
  message(bytes: Uint8Array): void;
  /** The client will send no more; it still reads (W35). */
  halfClosed(): void;
  /** The client left, its deadline passed, or the connection broke. The last call. */
  cancelled(): void;
  drained(): void;
}

export type Method =
  | {
      readonly kind: "unary";
      /** `request` is one whole message, borrowed until this returns. */
      handle(request: Uint8Array, call: UnaryCall): void;
    }
  | { readonly kind: "stream"; open(call: StreamCall): StreamHandler };

/** All RPCs by path, for example `/etcdserverpb.KV/Put`. */
export type MethodTable = ReadonlyMap<string, Method>;

/**
 * One HTTP request that is not gRPC and its answer, as whoever takes both in pieces sees them. Once
 * it is finished, or after `cancelled`, all of it is void.
 */
export interface HttpExchange extends CallInfo {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  /** Whether the client came over TLS. */
  readonly isSecure: boolean;
  /** Begins the answer; what follows is the body, in pieces. Names in lower case. */
  start(status: number, headers: Readonly<Record<string, string>>): void;
  /** Sends a piece: always taken; `writable` says whether the client keeps up. */
  write(piece: string): void;
  /** False while pieces wait for the client; `drained` follows when it turns true. */
  readonly writable: boolean;
  /** Ends the answer, which has begun. What is left of the request is not read. */
  finish(): void;
  /** Stops or starts the delivery of the request's body: back-pressure towards the client. */
  pauseBody(paused: boolean): void;
  /**
   * Whether one more message of the body may be handled in this turn of the event loop. After a
   * false the rest has to wait: see `nextTurn`.
   */
  mayGoOn(): boolean;
  /** Calls `run` when the client has its turn again. */
  nextTurn(run: () => void): void;
}

/** Who takes the body of a request in pieces. */
export interface HttpBodyReader {
  /** A piece of the body, borrowed until this returns. */
  body(bytes: Uint8Array): void;
  /** The body is whole. */
  ended(): void;
  /** The client left, or the connection broke. The last call. */
  cancelled(): void;
  drained(): void;
  /** Bytes of the request that are kept at present, for the connection's account. */
  readonly heldBytes: number;
}

/**
 * Takes the requests that it wants in pieces; all others go to the `HttpHandler`. `begin` may
 * answer at once.
 */
export interface HttpFront {
  wants(target: string): boolean;
  begin(exchange: HttpExchange): HttpBodyReader;
}

/** An HTTP request that is not gRPC, over HTTP/1.1 or HTTP/2. */
export interface HttpRequest {
  readonly method: string;
  /** Path and query as sent. */
  readonly target: string;
  header(name: string): string | undefined;
  /** Whether it came over TLS. */
  readonly isSecure?: boolean;
  /** As of a call. */
  readonly peerCommonName?: string | undefined;
  readonly body: Uint8Array;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

export type HttpHandler = (request: HttpRequest, respond: (response: HttpResponse) => void) => void;
