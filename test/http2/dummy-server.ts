import type {
  HttpFront,
  HttpHandler,
  Method,
  MethodTable,
  StreamCall,
  StreamHandler,
  UnaryCall,
} from "../../src/api/call.ts";
import { GrpcCode } from "../../src/base/errors.ts";
import { Listener } from "../../src/transport/listener.ts";
import type { TlsAcceptor } from "../../src/transport/tls/tls-acceptor.ts";
import { ManualTime } from "./manual-time.ts";
import type { Address } from "./raw-client.ts";

export interface DummyOptions {
  readonly maxConcurrentStreams?: number;
  readonly maxMessageBytes?: number;
  readonly keepaliveMinTimeMs?: number;
  readonly waitingBytesMax?: number;
  readonly keepaliveIntervalMs?: number;
  readonly keepaliveTimeoutMs?: number;
  readonly tls?: TlsAcceptor;
  readonly front?: HttpFront;
}

/** One stream of `/test.Dummy/Held`: what the client did is noted, what we do is up to the test. */
export class HeldStream implements StreamHandler {
  readonly call: StreamCall;
  readonly messages: Buffer[] = [];
  isHalfClosed = false;
  isCancelled = false;
  drainedCount = 0;
  /** Lets one message through per `pauseRequests(false)`. */
  pausesAtEach = false;
  readonly #changed: () => void;

  constructor(call: StreamCall, changed: () => void) {
    this.call = call;
    this.#changed = changed;
  }

  message(bytes: Uint8Array): void {
    this.messages.push(Buffer.from(bytes));
    if (this.pausesAtEach) this.call.pauseRequests(true);
    this.#changed();
  }

  halfClosed(): void {
    this.isHalfClosed = true;
    this.#changed();
  }

  cancelled(): void {
    this.isCancelled = true;
    this.#changed();
  }

  drained(): void {
    this.drainedCount++;
    this.#changed();
  }
}

/** The listener under test with methods that know nothing, and time that stands still. */
export class DummyServer {
  readonly time: ManualTime = new ManualTime();
  /** Unary calls of `/test.Dummy/Hold` that wait for the test to answer them. */
  readonly held: UnaryCall[] = [];
  readonly streams: HeldStream[] = [];
  readonly listener: Listener;
  #address: Address = { host: "", port: 0 };
  #waiters: (() => void)[] = [];

  private constructor(options: DummyOptions) {
    this.listener = new Listener({
      methods: this.#methods(),
      http: answerHttp,
      front: options.front,
      maxMessageBytes: options.maxMessageBytes ?? 2 * 1024 * 1024,
      maxConcurrentStreams: options.maxConcurrentStreams ?? 20_000,
      keepaliveMinTimeMs: options.keepaliveMinTimeMs ?? 5000,
      ...(options.waitingBytesMax !== undefined && { waitingBytesMax: options.waitingBytesMax }),
      ...(options.keepaliveIntervalMs !== undefined && {
        keepaliveIntervalMs: options.keepaliveIntervalMs,
      }),
      ...(options.keepaliveTimeoutMs !== undefined && {
        keepaliveTimeoutMs: options.keepaliveTimeoutMs,
      }),
      clock: this.time,
      timers: this.time,
      tls: options.tls,
      isPlainAllowed: options.tls === undefined,
    });
  }

  static async start(options: DummyOptions = {}): Promise<DummyServer> {
    const server = new DummyServer(options);
    server.#address = await server.listener.listen({ host: "127.0.0.1", port: 0 });
    return server;
  }

  get address(): Address {
    return this.#address;
  }

  async stop(): Promise<void> {
    const drained = this.listener.drain(0);
    this.time.advance(60_000);
    await drained;
  }

  /** Waits until something that handlers have noted makes `isTrue` true. */
  async until(what: string, isTrue: () => boolean, waitMs = 10_000): Promise<void> {
    const deadline = performance.now() + waitMs;
    while (!isTrue()) {
      if (performance.now() > deadline) throw new Error(`waited ${waitMs} ms for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 20);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  readonly #changed = (): void => {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  };

  #methods(): MethodTable {
    return new Map<string, Method>([
      ["/test.Dummy/Echo", { kind: "unary", handle: (request, call) => call.reply(request) }],
      ["/test.Dummy/Fail", { kind: "unary", handle: failAsAsked }],
      [
        "/test.Dummy/Hold",
        {
          kind: "unary",
          handle: (_request, call) => {
            this.held.push(call);
            this.#changed();
          },
        },
      ],
      ["/test.Dummy/EchoStream", { kind: "stream", open: echoStream }],
      [
        "/test.Dummy/Held",
        {
          kind: "stream",
          open: (call) => {
            const stream = new HeldStream(call, this.#changed);
            this.streams.push(stream);
            this.#changed();
            return stream;
          },
        },
      ],
    ]);
  }
}

/** The first byte of the request is the code, the rest is the text. */
function failAsAsked(request: Uint8Array, call: UnaryCall): void {
  const code = Object.values(GrpcCode).find((known) => known === request[0]);
  call.fail(code ?? GrpcCode.unknown, Buffer.from(request.subarray(1)).toString());
}

function echoStream(call: StreamCall): StreamHandler {
  return {
    message: (bytes) => call.send(bytes),
    halfClosed: () => call.end(GrpcCode.ok, ""),
    cancelled: () => undefined,
    drained: () => undefined,
  };
}

const answerHttp: HttpHandler = (request, respond) => {
  respond({
    status: 200,
    headers: { "content-type": "text/plain", "x-target": request.target },
    body: request.body.length === 0 ? "hello from the dummy server\n" : request.body,
  });
};
