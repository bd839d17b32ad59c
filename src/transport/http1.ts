import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { HttpFront, HttpHandler, HttpResponse } from "../api/call.ts";
import { ByteQueue } from "./byte-queue.ts";
import { Deadline, type DeadlineQueue } from "./deadline-queue.ts";
import { Http1Exchange, type Http1Side } from "./http1-exchange.ts";
import { InputSlice, type InputTurns } from "./input-turns.ts";
import { CLOSE_LINGER_MS } from "./http2/limits.ts";
import { NOT_SECURE, type Security } from "./http2/stream.ts";
import {
  asksForWebSocket,
  webSocketKey,
  withoutUpgrade,
  WRONG_HANDSHAKE,
} from "./websocket/handshake.ts";
import { WebSocketExchange } from "./websocket/websocket-exchange.ts";

/** How long one HTTP/1.1 request may take to arrive, a wait for its first byte included. */
const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Requests of one connection that are begun in one turn of the event loop: node:http ends them
 * later in the same turn, so that their time cannot be told beforehand. Only who sends them without
 * waiting for answers has more than one.
 */
const REQUESTS_PER_TURN = 4;

export interface Http1Options {
  readonly handler: HttpHandler;
  /** Is asked first; nobody when undefined. */
  readonly front: HttpFront | undefined;
  /** Larger bodies are answered with 413. */
  readonly bodyBytesMax: number;
  readonly deadlines: DeadlineQueue;
  readonly inputTurns: InputTurns;
  /** Now, in milliseconds that never go backwards. */
  nowMs(): number;
}

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** What is known of one HTTP/1.1 socket. */
interface Session {
  readonly socket: Socket;
  readonly security: Security;
  /** Runs while a request is awaited or read; not while it is being answered. */
  readonly deadline: Deadline;
  readonly slice: InputSlice;
  /** Requests that came in one chunk with others and wait for a turn of the event loop. */
  readonly waiting: Waiting[];
  servedInTurn: number;
  isAnswering: boolean;
  /** Whether nothing more is read: the deadline closes the socket. */
  isLast: boolean;
}

/** Serves the sockets that turned out to speak HTTP/1.1, by node:http and the one HttpHandler. */
export class Http1Server {
  readonly #options: Http1Options;
  readonly #server: Server;
  readonly #sessions: Map<Socket, Session> = new Map();
  #isStopping = false;

  constructor(options: Http1Options) {
    this.#options = options;
    this.#server = createServer((request, response) => this.#receive(request, response));
    // How long a socket may lie idle is for our deadlines alone to say.
    this.#server.keepAliveTimeout = 0;
    this.#server.on("clientError", refuseMalformed);
    this.#server.on("upgrade", (request, socket, first) => {
      // The only sockets that this server is given.
      if (socket instanceof Socket) this.#upgrade(request, socket, first);
    });
  }

  /** Takes over a socket; `first` is what was read from it already. */
  accept(socket: Socket, security: Security, first: Buffer): void {
    const deadline = new Deadline(() => void socket.destroy());
    const slice = new InputSlice(this.#options.inputTurns);
    const state = { slice, waiting: [], servedInTurn: 0, isAnswering: false, isLast: false };
    const session: Session = { socket, security, deadline, ...state };
    this.#sessions.set(socket, session);
    this.#await(session);
    socket.on("close", () => {
      this.#options.deadlines.clear(session.deadline);
      this.#sessions.delete(socket);
    });
    if (first.length > 0) socket.unshift(first);
    this.#server.emit("connection", socket);
    socket.resume();
  }

  /** Closes the sockets that are idle, the others behind their answer. */
  drain(): void {
    this.#isStopping = true;
    for (const session of this.#sessions.values()) {
      if (!session.isAnswering) session.socket.destroy();
    }
  }

  /** Closes all sockets. */
  cut(): void {
    for (const socket of this.#sessions.keys()) socket.destroy();
  }

  #await(session: Session): void {
    this.#options.deadlines.set(session.deadline, this.#options.nowMs() + REQUEST_TIMEOUT_MS);
  }

  /** A chunk may bring two thousand requests: those for which this turn is over have to wait. */
  #receive(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessions.get(request.socket);
    if (session === undefined) {
      this.#serve(request, response, session);
      return;
    }
    const { slice, waiting, socket } = session;
    if (slice.begin()) session.servedInTurn = 0;
    if (waiting.length === 0 && session.servedInTurn < REQUESTS_PER_TURN) {
      session.servedInTurn++;
      this.#serve(request, response, session);
      return;
    }
    socket.pause();
    waiting.push({ request, response });
    if (waiting.length === 1) slice.next(() => this.#goOnServing(session));
  }

  #goOnServing(session: Session): void {
    const { slice, waiting, socket } = session;
    const served = waiting.splice(0, REQUESTS_PER_TURN);
    session.servedInTurn = served.length;
    for (const { request, response } of served) {
      if (!response.destroyed) this.#serve(request, response, session);
    }
    if (waiting.length > 0) slice.next(() => this.#goOnServing(session));
    else socket.resume();
  }

  #serve(request: IncomingMessage, response: ServerResponse, session: Session | undefined): void {
    response.on("finish", () => {
      if (session !== undefined && !session.isLast) this.#goOn(session);
    });
    const { front } = this.#options;
    if (front?.wants(request.url ?? "") === true) {
      const side = this.#side(session, request.socket);
      new Http1Exchange(request, response, side).run(front);
    } else this.#collect(request, response, session);
  }

  /** The next request may come. */
  #goOn(session: Session): void {
    if (session.socket.destroyed) return;
    session.isLast = false;
    session.isAnswering = false;
    this.#await(session);
  }

  #side(session: Session | undefined, socket: Socket): Http1Side {
    return {
      security: session?.security ?? NOT_SECURE,
      peer: `${socket.remoteAddress ?? "unix"}:${socket.remotePort ?? 0}`,
      inputTurns: this.#options.inputTurns,
      isStopping: () => this.#isStopping,
      answering: () => this.#answering(session),
      lastWords: () => this.#lastWords(session),
      endedAfterAll: () => {
        if (session?.isLast === true) this.#goOn(session);
      },
    };
  }

  #answering(session: Session | undefined): void {
    if (session === undefined) return;
    this.#options.deadlines.clear(session.deadline);
    session.isAnswering = true;
  }

  #lastWords(session: Session | undefined): void {
    if (session === undefined) return;
    session.isLast = true;
    this.#options.deadlines.set(session.deadline, this.#options.nowMs() + CLOSE_LINGER_MS);
  }

  /**
   * A wish for another protocol: WebSocket where somebody wants the request, HTTP/1.1 as before for
   * all others.
   */
  #upgrade(request: IncomingMessage, socket: Socket, first: Buffer): void {
    const { front, bodyBytesMax } = this.#options;
    const isWanted = front?.wants(request.url ?? "") === true;
    if (front === undefined || !isWanted || !asksForWebSocket(request)) {
      socket.unshift(Buffer.concat([Buffer.from(withoutUpgrade(request), "latin1"), first]));
      this.#server.emit("connection", socket);
      return;
    }
    const key = webSocketKey(request);
    if (key === undefined) {
      socket.end(WRONG_HANDSHAKE);
      return;
    }
    const side = this.#side(this.#sessions.get(socket), socket);
    const limits = { key, side, messageBytesMax: bodyBytesMax };
    new WebSocketExchange(request, socket, limits).run(front, first);
  }

  /** Reads the whole body, then has it answered in one piece. */
  #collect(request: IncomingMessage, response: ServerResponse, session: Session | undefined): void {
    const body = new ByteQueue();
    let isTooLarge = false;
    request.on("data", (piece: Buffer) => {
      isTooLarge ||= body.length + piece.length > this.#options.bodyBytesMax;
      if (isTooLarge) this.#refuse(request, response);
      else body.push(piece, 0, piece.length);
    });
    request.on("end", () => {
      if (isTooLarge) return;
      this.#answering(session);
      this.#handle(request, response, body.view(), session?.security ?? NOT_SECURE);
    });
  }

  #handle(
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    security: Security,
  ): void {
    const view = {
      method: request.method ?? "",
      target: request.url ?? "",
      header: (name: string): string | undefined => firstOf(request.headersDistinct[name]),
      ...security,
      body,
    };
    this.#options.handler(view, (answer) => this.#respond(response, answer));
  }

  #respond(response: ServerResponse, answer: HttpResponse): void {
    if (response.headersSent || response.destroyed) return;
    if (this.#isStopping) response.shouldKeepAlive = false;
    const body = Buffer.from(answer.body);
    response.writeHead(answer.status, { "content-length": body.length, ...answer.headers });
    response.end(body);
  }

  #refuse(request: IncomingMessage, response: ServerResponse): void {
    if (response.headersSent) return;
    response.shouldKeepAlive = false;
    response.writeHead(413, { "content-type": "text/plain; charset=utf-8" });
    response.end("request body too large\n", () => void request.destroy());
  }
}

/** What is not even a method's name is another protocol, and is not answered in this one. */
function refuseMalformed(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "HPE_INVALID_METHOD" || !socket.writable) {
    socket.destroy();
    return;
  }
  const isTooLong = error.code === "HPE_HEADER_OVERFLOW";
  const status = isTooLong ? "431 Request Header Fields Too Large" : "400 Bad Request";
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

function firstOf(values: readonly string[] | undefined): string | undefined {
  return values?.[0];
}
