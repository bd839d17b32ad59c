import * as grpc from "@grpc/grpc-js";
import { type Message, decodeMessage, encodeMessage } from "./wire-codec.ts";
import type { TranscriptEntry } from "./watch-validator.ts";
import { METHOD_FACTS } from "./wire-facts.ts";

/** How one unary call ended: `message` is the response, or absent when the code is not 0. */
export interface Answer {
  readonly code: number;
  readonly text: string;
  readonly message: Message | undefined;
}

/** A unary call under way. */
export interface PendingCall {
  readonly name: string;
  readonly answer: Promise<Answer>;
  cancel(): void;
}

interface MethodFact {
  readonly path: string;
  readonly request: string;
  readonly response: string;
}

const methodFacts: ReadonlyMap<string, MethodFact> = new Map(
  METHOD_FACTS.trim()
    .split("\n")
    .map((line) => {
      const [name = "", path = "", request = "", response = ""] = line.split(" ");
      return [name, { path, request, response }];
    }),
);

export function methodFact(name: string): MethodFact {
  const fact = methodFacts.get(name);
  if (fact === undefined) throw new Error(`no method is called ${name}`);
  return fact;
}

/** No answer may take longer: a test that waits more has failed. */
const CALL_TIMEOUT_MS = 20_000;
const WATCH_TIMEOUT_MS = 5_000;

/** A client of any etcd v3 server over grpc-js, with the tests' own codec. */
export class RpcClient {
  readonly #client: grpc.Client;
  /** What calls from now on show of who asks. */
  token: string | undefined;

  constructor(endpoint: string) {
    this.#client = new grpc.Client(endpoint, grpc.credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 200,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  call(name: string, request: Message): Promise<Answer> {
    const fact = methodFact(name);
    return this.raw(fact.path, encodeMessage(fact.request, request)).then((answer) => ({
      code: answer.code,
      text: answer.text,
      message: answer.bytes === undefined ? undefined : decodeMessage(fact.response, answer.bytes),
    }));
  }

  /** A unary call that may be given up before it is answered. */
  begin(name: string, request: Message): PendingCall {
    const fact = methodFact(name);
    let cancel = (): void => {};
    const answer = new Promise<Answer>((resolve) => {
      const call = this.#client.makeUnaryRequest(
        fact.path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        encodeMessage(fact.request, request),
        this.#metadata(),
        { deadline: Date.now() + CALL_TIMEOUT_MS },
        (error, response) => {
          const message = response && decodeMessage(fact.response, response);
          resolve({ code: error?.code ?? 0, text: error?.details ?? "", message });
        },
      );
      cancel = () => call.cancel();
    });
    return { name, answer, cancel };
  }

  /** A unary call of any path with any bytes. */
  raw(
    path: string,
    bytes: Buffer,
  ): Promise<{ code: number; text: string; bytes: Buffer | undefined }> {
    const deadline = Date.now() + CALL_TIMEOUT_MS;
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        path,
        (request: Buffer) => request,
        (response: Buffer) => response,
        bytes,
        this.#metadata(),
        { deadline },
        (error, response) => {
          resolve(
            error === null
              ? { code: 0, text: "", bytes: response ?? Buffer.alloc(0) }
              : { code: error.code, text: error.details, bytes: undefined },
          );
        },
      );
    });
  }

  openWatch(): WatchStream {
    return new WatchStream(
      this.#client.makeBidiStreamRequest(
        "/etcdserverpb.Watch/Watch",
        (request: Message) => encodeMessage("WatchRequest", request),
        (bytes: Buffer) => decodeMessage("WatchResponse", bytes),
        this.#metadata(),
      ),
    );
  }

  /** A server-streaming call, whose messages are taken one by one. */
  openServerStream(path: string, types: { request: string; response: string }): WatchStream {
    return new WatchStream(
      this.#client.makeBidiStreamRequest(
        path,
        (request: Message) => encodeMessage(types.request, request),
        (bytes: Buffer) => decodeMessage(types.response, bytes),
        this.#metadata(),
      ),
    );
  }

  /** A bidirectional call that sends all requests at once and then closes its side. */
  exchange(
    path: string,
    requests: readonly Buffer[],
  ): Promise<{ code: number; text: string; all: Buffer[] }> {
    return new Promise((resolve) => {
      const all: Buffer[] = [];
      const call = this.#client.makeBidiStreamRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        this.#metadata(),
        { deadline: Date.now() + CALL_TIMEOUT_MS },
      );
      call.on("data", (bytes: Buffer) => all.push(bytes));
      call.on("error", () => undefined);
      call.on("status", (status) => resolve({ code: status.code, text: status.details, all }));
      for (const request of requests) call.write(request);
      call.end();
    });
  }

  /** All messages of a server-streaming call, and its status. */
  collect(path: string, request: Buffer): Promise<{ code: number; text: string; all: Buffer[] }> {
    return new Promise((resolve) => {
      const all: Buffer[] = [];
      const call = this.#client.makeServerStreamRequest(
        path,
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        request,
        this.#metadata(),
        { deadline: Date.now() + CALL_TIMEOUT_MS },
      );
      call.on("data", (bytes: Buffer) => all.push(bytes));
      call.on("error", () => undefined);
      call.on("status", (status) => resolve({ code: status.code, text: status.details, all }));
    });
  }

  close(): void {
    this.#client.close();
  }

  #metadata(): grpc.Metadata {
    const metadata = new grpc.Metadata();
    if (this.token !== undefined) metadata.set("token", this.token);
    return metadata;
  }
}

/**
 * One Watch call: responses queue up until asked for, all are kept in `received`, and in what order
 * with the requests in `transcript`.
 */
export class WatchStream {
  readonly #call: grpc.ClientDuplexStream<Message, Message>;
  readonly received: Message[] = [];
  readonly transcript: TranscriptEntry[] = [];
  #taken = 0;
  #status: { readonly code: number; readonly text: string } | undefined;
  #wake: (() => void) | undefined;

  constructor(call: grpc.ClientDuplexStream<Message, Message>) {
    this.#call = call;
    call.on("data", (response: Message) => {
      this.received.push(response);
      this.transcript.push({ received: response });
      this.#wake?.();
    });
    call.on("error", () => undefined);
    call.on("status", (status) => {
      this.#status = { code: status.code, text: status.details };
      this.#wake?.();
    });
  }

  send(request: Message): void {
    this.transcript.push({ sent: request });
    this.#call.write(request);
  }

  /** The next response; fails when the stream ends or nothing comes in time. */
  async next(timeoutMs: number = WATCH_TIMEOUT_MS): Promise<Message> {
    await this.#until(() => this.#taken < this.received.length, timeoutMs);
    const response = this.received[this.#taken];
    if (response === undefined) throw new Error(`the watch stream ended: ${this.#status?.text}`);
    this.#taken++;
    return response;
  }

  /** The status the server, or the client library, ended the stream with. */
  async ended(timeoutMs: number = CALL_TIMEOUT_MS): Promise<{ code: number; text: string }> {
    await this.#until(() => false, timeoutMs);
    return this.#status ?? { code: -1, text: "" };
  }

  /** A paused stream reads nothing: the server meets full windows. */
  set paused(isPaused: boolean) {
    if (isPaused) this.#call.pause();
    else this.#call.resume();
  }

  halfClose(): void {
    this.#call.end();
  }

  cancel(): void {
    this.#call.cancel();
  }

  async #until(isDone: () => boolean, timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!isDone() && this.#status === undefined) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error("nothing came on the watch stream")),
          Math.max(1, deadline - Date.now()),
        );
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
