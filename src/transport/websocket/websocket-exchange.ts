import type { IncomingMessage } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { HttpBodyReader, HttpExchange, HttpFront } from "../../api/call.ts";
import type { Http1Side } from "../http1-exchange.ts";
import { InputSlice } from "../input-turns.ts";
import { CloseCode, encodeClose, encodeFrame, Opcode } from "./frames.ts";
import { WebSocketReader, type WebSocketSink } from "./frame-reader.ts";
import { acceptance, bearerOf } from "./handshake.ts";

const NEWLINE: Uint8Array = Uint8Array.of(0x0a);

/**
 * A request over WebSocket (G12): each message of the client is a piece of a POST's body, each line
 * of the answer a message of text. A request that is refused before anything was read is answered
 * in plain HTTP, so that the client sees the status.
 */
export class WebSocketExchange implements HttpExchange, WebSocketSink {
  readonly method = "POST";
  readonly #request: IncomingMessage;
  readonly #socket: Socket;
  readonly #key: string;
  readonly #side: Http1Side;
  readonly #frames: WebSocketReader;
  readonly #slice: InputSlice;
  #reader: HttpBodyReader | undefined;
  #isUpgraded = false;
  /** A refusal's status; its body follows. */
  #refusal: { readonly status: number; readonly head: string; body: string } | undefined;
  #isFinished = false;
  /** Whether a close frame of ours has been sent. */
  #hasClosed = false;
  #mustWait = false;
  #isPaused = false;
  /** Whether frames wait for a turn of the event loop. */
  #isTurnAwaited = false;
  /** The newest ping that waits until the client reads; older ones need no answer (§5.5.3). */
  #owedPong: Buffer | undefined;

  constructor(
    request: IncomingMessage,
    socket: Socket,
    { key, side, messageBytesMax }: { key: string; side: Http1Side; messageBytesMax: number },
  ) {
    this.#request = request;
    this.#socket = socket;
    this.#key = key;
    this.#side = side;
    this.#frames = new WebSocketReader(this, messageBytesMax);
    this.#slice = new InputSlice(side.inputTurns);
  }

  /** Connects the client with whoever takes the request; `first` is what was read already. */
  run(front: HttpFront, first: Buffer): void {
    const socket = this.#socket;
    this.#side.answering();
    const reader = front.begin(this);
    if (this.#refusal !== undefined) return;
    this.#upgrade();
    this.#reader = reader;
    socket.on("drain", () => this.#drained());
    socket.on("end", () => void socket.destroy());
    socket.on("close", () => this.#left());
    socket.on("data", (bytes: Buffer) => this.#take(bytes));
    socket.resume();
    if (first.length > 0) this.#take(first);
  }

  #upgrade(): void {
    if (this.#isUpgraded) return;
    this.#isUpgraded = true;
    const protocol = bearerOf(this.#request) === undefined ? {} : BEARER_PROTOCOL;
    this.#socket.write(acceptance(this.#key, protocol));
  }

  #take(bytes: Buffer): void {
    this.#frames.push(bytes);
    if (this.#isTurnAwaited) return;
    this.#slice.begin();
    this.#read();
  }

  /** Frames without time in this turn wait for another; no more are read meanwhile. */
  readonly #read = (): void => {
    this.#isTurnAwaited = !this.#frames.read();
    if (this.#isTurnAwaited) this.#slice.next(this.#read);
    this.#pauseOrResume();
  };

  #pauseOrResume(): void {
    const mustPause = !this.#isFinished && (this.#isPaused || this.#isTurnAwaited);
    if (mustPause) this.#socket.pause();
    else this.#socket.resume();
  }

  #drained(): void {
    this.#mustWait = false;
    if (this.#owedPong !== undefined) this.#send(encodeFrame(Opcode.pong, this.#owedPong));
    this.#owedPong = undefined;
    if (!this.#isFinished) this.#reader?.drained();
  }

  #left(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#reader?.cancelled();
  }

  #send(frame: Buffer): void {
    if (!this.#socket.write(frame)) this.#mustWait = true;
  }

  #close(code: CloseCode): void {
    if (this.#hasClosed) return;
    this.#hasClosed = true;
    this.#socket.write(encodeClose(code));
    this.#side.lastWords();
  }

  // --- WebSocketSink

  message(bytes: Buffer): void {
    if (!this.#isFinished) this.#reader?.body(bytes);
    if (!this.#isFinished) this.#reader?.body(NEWLINE);
  }

  ping(payload: Buffer): void {
    if (this.#hasClosed) return;
    if (this.#mustWait) this.#owedPong = Buffer.from(payload);
    else this.#send(encodeFrame(Opcode.pong, payload));
  }

  closed(): void {
    this.failed(CloseCode.normal);
    this.#socket.end();
  }

  failed(code: CloseCode): void {
    this.#close(code);
    this.#left();
  }

  // --- HttpExchange

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

  /** What the client accepts is messages, whatever the header says. */
  header(name: string): string | undefined {
    if (name === "accept") return undefined;
    if (name === "authorization") {
      const bearer = bearerOf(this.#request);
      if (bearer !== undefined) return bearer;
    }
    return this.#request.headersDistinct[name]?.[0];
  }

  start(status: number, headers: Readonly<Record<string, string>>): void {
    if (this.#isFinished) return;
    if (this.#isUpgraded || status === 200) {
      this.#upgrade();
      return;
    }
    const { "content-length": _, ...others } = headers;
    const lines = Object.entries(others).map(([name, value]) => `${name}: ${value}\r\n`);
    const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${lines.join("")}`;
    this.#refusal = { status, head, body: "" };
  }

  write(piece: string): void {
    if (this.#isFinished) return;
    if (this.#refusal !== undefined) this.#refusal.body += piece;
    else this.#send(encodeFrame(Opcode.text, Buffer.from(piece.replace(/\n$/, ""))));
  }

  get writable(): boolean {
    return !this.#isFinished && !this.#mustWait;
  }

  finish(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    if (this.#refusal === undefined) {
      this.#close(CloseCode.normal);
      return;
    }
    const { head, body } = this.#refusal;
    const length = `content-length: ${Buffer.byteLength(body)}\r\n`;
    this.#socket.end(`${head}${length}connection: close\r\n\r\n${body}`);
  }

  pauseBody(paused: boolean): void {
    this.#isPaused = paused;
    this.#pauseOrResume();
  }

  mayGoOn(): boolean {
    return this.#slice.mayGoOn();
  }

  nextTurn(run: () => void): void {
    this.#slice.next(run);
  }
}

const BEARER_PROTOCOL: Readonly<Record<string, string>> = { "sec-websocket-protocol": "Bearer" };
