import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpBodyReader, HttpExchange, HttpFront } from "../api/call.ts";
import type { Security } from "./http2/stream.ts";
import { InputSlice, type InputTurns } from "./input-turns.ts";

/** Bytes of a request that nobody wants any more which are still read. Beyond: close. */
const DISCARDED_BYTES_MAX: number = 4 * 1024 * 1024;

/** What an exchange needs to know of its connection. */
export interface Http1Side {
  readonly security: Security;
  readonly peer: string;
  readonly inputTurns: InputTurns;
  /** Whether the answer must be the connection's last. */
  isStopping(): boolean;
  /** The request has all come, or is being answered: no time limit any more. */
  answering(): void;
  /** All is said: the client has a moment to close the connection, which is closed then. */
  lastWords(): void;
  /** The request has come to its end after all: the connection may go on. */
  endedAfterAll(): void;
}

/** An HTTP/1.1 request that is read and answered in pieces. */
export class Http1Exchange implements HttpExchange {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #side: Http1Side;
  readonly #slice: InputSlice;
  #isFinished = false;
  #mustWait = false;
  #isRefused = false;
  #discardedBytes = 0;

  constructor(request: IncomingMessage, response: ServerResponse, side: Http1Side) {
    this.#request = request;
    this.#response = response;
    this.#side = side;
    this.#slice = new InputSlice(side.inputTurns);
  }

  /** Connects the request and its answer with whoever takes them. */
  run(front: HttpFront): void {
    const request = this.#request;
    const response = this.#response;
    const reader = front.begin(this);
    request.on("data", (piece: Buffer) => this.#take(reader, piece));
    request.on("end", () => {
      if (this.#isFinished) {
        if (this.#isRefused) this.#side.endedAfterAll();
        return;
      }
      this.#side.answering();
      reader.ended();
    });
    response.on("drain", () => {
      this.#mustWait = false;
      if (!this.#isFinished) reader.drained();
    });
    response.on("close", () => {
      if (this.#isFinished) return;
      this.#isFinished = true;
      reader.cancelled();
    });
  }

  #take(reader: HttpBodyReader, piece: Buffer): void {
    if (!this.#isFinished) {
      this.#slice.begin();
      reader.body(piece);
      return;
    }
    this.#discardedBytes += piece.length;
    if (this.#discardedBytes > DISCARDED_BYTES_MAX) this.#request.socket.destroy();
  }

  get method(): string {
    return this.#request.method ?? "";
  }

  get target(): string {
    return this.#request.url ?? "";
  }

  get isSecure(): boolean {
    return this.#side.security.isSecure;
  }

  get peerCommonName(): string | undefined {
    return this.#side.security.peerCommonName;
  }

  get peer(): string {
    return this.#side.peer;
  }

  header(name: string): string | undefined {
    return this.#request.headersDistinct[name]?.[0];
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isFinished) return;
    this.#side.answering();
    this.#isRefused = status >= 400;
    if (this.#side.isStopping()) this.#response.shouldKeepAlive = false;
    this.#response.writeHead(status, { ...headers });
  }

  write(piece: string): void {
    if (this.#isFinished) return;
    if (!this.#response.write(piece)) this.#mustWait = true;
  }

  get writable(): boolean {
    return !this.#isFinished && !this.#mustWait;
  }

  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#response.end();
    this.#request.resume();
    // Who is refused may go on sending for long; without a moment to read, it would not hear why.
    if (this.#isRefused && !this.#request.complete) this.#side.lastWords();
  }

  pauseBody(paused: boolean): void {
    if (this.#isFinished) return;
    if (paused) this.#request.pause();
    else this.#request.resume();
  }

  mayGoOn(): boolean {
    return this.#slice.mayGoOn();
  }

  nextTurn(run: () => void): void {
    this.#slice.next(run);
  }
}
