import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import type { HttpHandler, MethodTable } from "../api/call.ts";
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
import { ServedMethods } from "./method-table.ts";

export interface ListenerOptions {
  readonly methods: MethodTable;
  /** Answers all that is not gRPC, over HTTP/1.1 and HTTP/2. */
  readonly http: HttpHandler;
  /** Longest request message and HTTP body, bytes (T4). */
  readonly maxMessageBytes: number;
  /** Streams that one connection may have open (T2). */
  readonly maxConcurrentStreams: number;
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

/**
 * A port that speaks gRPC over HTTP/2 and HTTP/1.1, told apart by the first bytes of a connection.
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
  #dirty: Flushable[] = [];
  #drained: Promise<void> | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { clock, timers, maxMessageBytes } = options;
    const methods = new ServedMethods(options.methods);
    this.counters = newCounters(methods);
    const deadlines = new DeadlineQueue(clock, timers);
    this.#deadlines = deadlines;
    const callContext = { messageBytesMax: maxMessageBytes, deadlines };
    const dispatcher = new Dispatcher(methods, options.http, callContext);
    this.#http1 = new Http1Server({
      handler: options.http,
      bodyBytesMax: maxMessageBytes,
      deadlines,
      nowMs: () => clock.monotonicMs(),
    });
    this.#context = {
      clock,
      deliveryTimes: options.deliveryTimes ?? NOTHING_FRESH,
      deadlines,
      pool: new ChunkPool(),
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
    this.#tellApart(socket);
  }

  /** Reads until the first bytes say which protocol it is, and hands the socket over. */
  #tellApart(socket: Socket): void {
    let first: Buffer = Buffer.alloc(0);
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
        this.#http1.accept(socket, first);
      } else if (start.length === PREFACE_LINE.length) {
        forget();
        this.#startConnection(socket, first);
      }
    };
    socket.on("data", onData);
    socket.on("end", onEnd);
    socket.on("close", forget);
  }

  #startConnection(socket: Socket, first: Buffer): void {
    const connection = new Connection(socket, this.#context, () => {
      this.#connections.delete(connection);
    });
    this.#connections.add(connection);
    connection.start(first);
  }

  #flushAtEndOfTurn(connection: Flushable): void {
    this.#dirty.push(connection);
    if (this.#dirty.length === 1) this.#options.timers.endOfTurn(this.#flushDirty);
  }

  readonly #flushDirty = (): void => {
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const connection of dirty) connection.flush();
  };
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
