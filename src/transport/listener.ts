import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { HttpFront, HttpHandler, MethodTable } from "../api/call.ts";
import type { DeliveryTimes } from "../base/delivery-times.ts";
import type { Clock, Timers } from "../base/outside.ts";
import type { TransportCounters } from "./counters.ts";
import { Deadline, DeadlineQueue } from "./deadline-queue.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Connection } from "./http2/connection.ts";
import type { ConnectionContext, Flushable } from "./http2/connection-context.ts";
import { CLIENT_PREFACE } from "./http2/frames.ts";
import { NOTHING_FRESH } from "./http2/fresh-trace.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./http2/limits.ts";
import { ChunkPool } from "./http2/output.ts";
import { Http1Server } from "./http1.ts";
import { NOT_SECURE, type Security } from "./http2/stream.ts";
import { InputTurns } from "./input-turns.ts";
import { WaitingBytes } from "./http2/waiting-bytes.ts";
import { ServedMethods } from "./method-table.ts";
import { type SecureSocket, TLS_FIRST_BYTE, type TlsAcceptor } from "./tls/tls-acceptor.ts";

export interface ListenerOptions {
  readonly methods: MethodTable;
  /** Answers all that is not gRPC, over HTTP/1.1 and HTTP/2. */
  readonly http: HttpHandler;
  /** Is asked first, and takes its requests in pieces; nobody when absent. */
  readonly front?: HttpFront | undefined;
  /** Longest request message and HTTP body, bytes (T4). */
  readonly maxMessageBytes: number;
  /** Streams that one connection may have open (T2). */
  readonly maxConcurrentStreams: number;
  /** What may wait for all clients together, bytes (`WAITING_SHARE_OF_HEAP`); any when absent. */
  readonly waitingBytesMax?: number;
  /** How far apart a client's pings must be (T3). */
  readonly keepaliveMinTimeMs: number;
  /** Silence after which a client is pinged; etcd's default when absent: 2 h (T3). */
  readonly keepaliveIntervalMs?: number;
  /** How long a ping may go unanswered; etcd's default when absent: 20 s (T3). */
  readonly keepaliveTimeoutMs?: number;
  readonly clock: Clock;
  /** Told when events of a watch have left; nobody when absent. */
  readonly deliveryTimes?: DeliveryTimes;
  readonly timers: Timers;
  /** Speaks TLS; without it, nobody does. */
  readonly tls?: TlsAcceptor | undefined;
  /**
   * Whether clients may speak without TLS; as in etcd, a port may be for both. True when absent.
   */
  readonly isPlainAllowed?: boolean;
}

export type ListenAddress =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** Where a listener really listens; of a Unix socket `host` is its path and `port` 0. */
export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

const KEEPALIVE_INTERVAL_MS_DEFAULT: number = 2 * 60 * 60 * 1000;
const KEEPALIVE_TIMEOUT_MS_DEFAULT = 20_000;
/** An HTTP/2 preface is told from HTTP/1.1 by its first line. */
const PREFACE_LINE = CLIENT_PREFACE.slice(0, 16);
const NOTHING_READ: Buffer = Buffer.alloc(0);
/** For people who have typed http:// and meant https://. */
const NOT_TLS_ANSWER =
  "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n" +
  "\r\nClient sent an HTTP request to an HTTPS server.\n";

/**
 * A port that speaks gRPC over HTTP/2 and HTTP/1.1, told apart by the first bytes of a connection,
 * or by what was agreed on in the handshake of TLS.
 * What handlers throw is not caught: it is a broken invariant, and the process stops.
 */
export class Listener {
  readonly counters: TransportCounters;
  readonly #options: ListenerOptions;
  readonly #context: ConnectionContext;
  readonly #deadlines: DeadlineQueue;
  readonly #http1: Http1Server;
  readonly #servers: Server[] = [];
  readonly #connections: Set<Connection> = new Set();
  /** Sockets that have not said enough to be told apart. */
  readonly #unknown: Set<Socket> = new Set();
  readonly #inputTurns: InputTurns;
  readonly #waiting: WaitingBytes;
  #dirty: Flushable[] = [];
  #isTurnEndAwaited = false;
  #drained: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { clock, timers, maxMessageBytes } = options;
    const methods = new ServedMethods(options.methods);
    this.counters = newCounters(methods);
    const deadlines = new DeadlineQueue(clock, timers);
    this.#deadlines = deadlines;
    const callContext = { messageBytesMax: maxMessageBytes, deadlines };
    const answers = { handler: options.http, front: options.front };
    const dispatcher = new Dispatcher(methods, answers, callContext);
    this.#waiting = new WaitingBytes(options.waitingBytesMax);
    this.#inputTurns = new InputTurns(clock, () => this.#awaitTurnEnd());
    this.#http1 = new Http1Server({
      ...answers,
      inputTurns: this.#inputTurns,
      bodyBytesMax: maxMessageBytes,
      deadlines,
      nowMs: () => clock.monotonicMs(),
    });
    this.#context = {
      clock,
      inputTurns: this.#inputTurns,
      deliveryTimes: options.deliveryTimes ?? NOTHING_FRESH,
      deadlines,
      pool: new ChunkPool(this.#waiting),
      counters: this.counters,
      maxConcurrentStreams: options.maxConcurrentStreams,
      keepaliveMinTimeMs: options.keepaliveMinTimeMs,
      keepaliveIntervalMs: options.keepaliveIntervalMs ?? KEEPALIVE_INTERVAL_MS_DEFAULT,
      keepaliveTimeoutMs: options.keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS_DEFAULT,
      hashSeed: randomInt(2 ** 32),
      open: (host, stream) => dispatcher.open(host, stream),
      flushAtEndOfTurn: (connection) => this.#flushAtEndOfTurn(connection),
    };
  }

  /** What waits for all clients, bytes. */
  get waitingBytes(): number {
    return this.#waiting.bytes;
  }

  /**
   * Begins to listen; may be called for several addresses.
   * @throws the system's Error when the address cannot be had
   */
  listen(address: ListenAddress): Promise<BoundAddress> {
    // Half-open, because an HTTP/1.1 client may end its side and still read the answer.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket),
    );
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(address, () => {
        server.removeListener("error", reject);
        const bound = server.address();
        if (bound === null || typeof bound === "string") resolve({ host: bound ?? "", port: 0 });
        else resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /**
   * Stops: nobody can connect, clients are told by GOAWAY, new streams are refused, calls under way
   * go on for `graceMs`; what is left then is ended with UNAVAILABLE, and all sockets are closed.
   */
  drain(graceMs: number): Promise<void> {
    this.#drained ??= this.#drain(graceMs);
    return this.#drained;
  }

  async #drain(graceMs: number): Promise<void> {
    const closed = Promise.all(this.#servers.map(closeServer));
    for (const socket of this.#unknown) socket.destroy();
    for (const connection of [...this.#connections]) connection.drain();
    this.#http1.drain();
    const grace = new Deadline(() => {
      for (const connection of [...this.#connections]) connection.cut();
      this.#http1.cut();
    });
    this.#deadlines.set(grace, this.#options.clock.monotonicMs() + graceMs);
    await closed;
    this.#deadlines.close();
  }

  #accept(socket: Socket): void {
    this.counters.connectionsAccepted++;
    this.counters.connectionsOpen++;
    // A broken socket is closed next, which is all that anybody has to know.
    socket.on("error", () => {});
    socket.on("close", () => {
      this.counters.connectionsOpen--;
    });
    if (this.#options.tls === undefined) this.#tellApart(socket, NOT_SECURE);
    else this.#tellSecureApart(socket, this.#options.tls);
  }

  /** The first byte says whether it is TLS. */
  #tellSecureApart(raw: Socket, tls: TlsAcceptor): void {
    const deadline = new Deadline(() => tls.expire(raw));
    this.#deadlines.set(deadline, this.#options.clock.monotonicMs() + HANDSHAKE_TIMEOUT_MS);
    this.#unknown.add(raw);
    const known = (): void => {
      this.#deadlines.clear(deadline);
      this.#unknown.delete(raw);
    };
    raw.on("close", known);
    const onEnd = (): void => void raw.destroy();
    raw.once("end", onEnd);
    raw.once("data", (first: Buffer) => {
      raw.removeListener("end", onEnd);
      if (first[0] === TLS_FIRST_BYTE) {
        raw.pause();
        raw.unshift(first);
        tls.accept(raw, (secure) => {
          known();
          this.#startSecure(secure);
        });
      } else {
        known();
        if (this.#options.isPlainAllowed !== false) this.#tellApart(raw, NOT_SECURE, first);
        else refusePlain(raw, tls, first);
      }
    });
  }

  #startSecure({ socket, peerCommonName }: SecureSocket): void {
    const security = { isSecure: true, peerCommonName };
    switch (socket.alpnProtocol) {
      case "h2":
        this.#startConnection(socket, security, NOTHING_READ);
        break;
      case "http/1.1":
        this.#http1.accept(socket, security, NOTHING_READ);
        break;
      default:
        this.#tellApart(socket, security);
    }
  }

  /** Reads until the first bytes say which protocol it is, and hands the socket over. */
  #tellApart(socket: Socket, security: Security, read: Buffer = NOTHING_READ): void {
    let first: Buffer = NOTHING_READ;
    const deadline = new Deadline(() => void socket.destroy());
    this.#deadlines.set(deadline, this.#options.clock.monotonicMs() + HANDSHAKE_TIMEOUT_MS);
    this.#unknown.add(socket);
    const forget = (): void => {
      this.#deadlines.clear(deadline);
      this.#unknown.delete(socket);
      socket.removeListener("data", onData);
      socket.removeListener("end", onEnd);
    };
    const onEnd = (): void => void socket.destroy();
    const onData = (chunk: Buffer): void => {
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      const start = first.toString("latin1", 0, PREFACE_LINE.length);
      if (!PREFACE_LINE.startsWith(start)) {
        forget();
        socket.pause();
        this.#http1.accept(socket, security, first);
      } else if (start.length === PREFACE_LINE.length) {
        forget();
        this.#startConnection(socket, security, first);
      }
    };
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", forget);
    if (read.length > 0) onData(read);
  }

  #startConnection(socket: Socket, security: Security, first: Buffer): void {
    const connection = new Connection(socket, security, this.#context, () => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
    connection.start(first);
  }

  #flushAtEndOfTurn(connection: Flushable): void {
    this.#dirty.push(connection);
    this.#awaitTurnEnd();
  }

  #awaitTurnEnd(): void {
    if (this.#isTurnEndAwaited) return;
    this.#isTurnEndAwaited = true;
    this.#options.timers.endOfTurn(this.#endTurn);
  }

  /** Answers go out before input that waits is handled: it may take its time. */
  readonly #endTurn = (): void => {
    this.#isTurnEndAwaited = false;
    this.#inputTurns.next();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
    this.#inputTurns.serve();
  };
}

/** Whoever speaks HTTP/1.1 is told what is wrong; nobody else could read it. */
function refusePlain(raw: Socket, tls: TlsAcceptor, first: Buffer): void {
  tls.refusePlain(raw);
  const isHttp1 = /^[A-Z]+ [^ ]+ HTTP\/1/.test(first.toString("latin1", 0, 2048));
  if (isHttp1) raw.end(NOT_TLS_ANSWER, () => raw.destroy());
  else raw.destroy();
}

function newCounters(methods: ServedMethods): TransportCounters {
  return {
    bytesReceived: 0,
    bytesSent: 0,
    connectionsAccepted: 0,
    connectionsOpen: 0,
    streamsOpened: 0,
    streamsOpen: 0,
    connectionsFailed: 0,
    methods: methods.counters,
  };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}
