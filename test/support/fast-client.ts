import { type Socket, connect } from "node:net";
import { HpackDecoder } from "../http2/hpack.ts";
import {
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  Frame,
  PREFACE,
  PREFIX_BYTES,
  WINDOW_FIRST,
  WINDOW_MAX,
  requestBlock,
  settings,
  u32,
} from "./client-frames.ts";
import { MessageSplitter } from "./message-splitter.ts";

/** The status a call ended with. */
export interface CallEnd {
  readonly code: number;
  readonly text: string;
}

interface OpenCall {
  message(bytes: Buffer): void;
  ended(end: CallEnd): void;
  readonly splitter: MessageSplitter;
  /** Bytes received since the last WINDOW_UPDATE of this stream. */
  received: number;
}

interface Waiting {
  readonly call: number;
  /** With its five bytes of prefix. */
  readonly message: Buffer;
  readonly last: boolean;
  sent: number;
}

/** A window is filled up again once half of it has been used. */
const WINDOW_REFILL_BYTES = 2 ** 30;
const OUTPUT_BYTES_FIRST = 1 << 16;

/** How a call ends when the connection does: what clients see as Unavailable. */
const LOST: CallEnd = { code: 14, text: "connection lost" };

/**
 * A gRPC client that costs little: frames written by hand over one socket, all output of a turn in
 * one write, messages handed on as views of what was read. It is for many callers and watchers in
 * one process, on plain text, against servers that behave; what they do wrong is another test's.
 * A request is below 64 KiB, the window a stream begins with.
 */
export class FastConnection {
  readonly #socket: Socket;
  readonly #authority: string;
  readonly #calls = new Map<number, OpenCall>();
  readonly #decoder = new HpackDecoder();
  /** Header blocks that have been seen: they are few, and equal bytes mean equal fields. */
  readonly #blocks = new Map<string, ReadonlyMap<string, string>>();
  readonly #requestBlocks = new Map<string, Buffer>();
  readonly #closed: Promise<void>;
  /** Requests that wait for the server to open the connection's window. */
  readonly #waiting: Waiting[] = [];
  #nextStream = 1;
  #sendWindow = WINDOW_FIRST;
  #received = 0;
  #rest: Buffer = Buffer.alloc(0);
  #output = Buffer.allocUnsafeSlow(OUTPUT_BYTES_FIRST);
  #outputLength = 0;
  #isFlushing = false;
  #isClosed = false;
  /** What calls show of who asks; set before the first call. */
  token: string | undefined;

  private constructor(socket: Socket, authority: string) {
    this.#socket = socket;
    this.#authority = authority;
    this.#closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#lost());
    this.#raw(PREFACE);
    // HEADER_TABLE_SIZE 0 and INITIAL_WINDOW_SIZE: nothing to remember, nothing to wait for.
    this.#raw(settings([1, 0], [2, 0], [4, WINDOW_MAX]));
    this.#windowUpdate(0, WINDOW_MAX - WINDOW_FIRST);
  }

  static open(port: number, host = "127.0.0.1"): Promise<FastConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new FastConnection(socket, `${host}:${port}`));
      });
    });
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Resolved when the socket is closed, by either side. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  close(): void {
    this.#socket.destroy();
  }

  /**
   * One unary call. `done` gets the response's bytes, which are valid until it returns, or
   * undefined with the status of a failed call.
   */
  unary(
    path: string,
    request: Uint8Array,
    done: (response: Buffer | undefined, end: CallEnd) => void,
  ): void {
    let answered = false;
    const call = this.#open(path, {
      message: (bytes) => {
        answered = true;
        done(bytes, OK);
      },
      ended: (end) => {
        if (!answered) done(undefined, end);
      },
    });
    this.#send(call, request, true);
  }

  /** A bidirectional call; `message`'s bytes are valid until it returns. */
  stream(
    path: string,
    handlers: { message(bytes: Buffer): void; ended(end: CallEnd): void },
  ): FastStream {
    const call = this.#open(path, handlers);
    return {
      send: (bytes) => this.#send(call, bytes, false),
      cancel: () => {
        this.#calls.delete(call);
        this.#frame(Frame.reset, 0, call, u32(8));
      },
    };
  }

  #open(
    path: string,
    handlers: { message(bytes: Buffer): void; ended(end: CallEnd): void },
  ): number {
    const id = this.#nextStream;
    this.#nextStream += 2;
    if (this.#isClosed) {
      queueMicrotask(() => handlers.ended(LOST));
      return id;
    }
    this.#calls.set(id, { ...handlers, splitter: new MessageSplitter(), received: 0 });
    let block = this.#requestBlocks.get(path);
    if (block === undefined) {
      block = requestBlock(path, this.#authority, this.token);
      this.#requestBlocks.set(path, block);
    }
    this.#frame(Frame.headers, 0x4, id, block);
    return id;
  }

  #send(call: number, bytes: Uint8Array, last: boolean): void {
    const length = bytes.length + PREFIX_BYTES;
    if (this.#waiting.length > 0 || this.#sendWindow < length || length > FRAME_BYTES_MAX) {
      const message = Buffer.allocUnsafe(length);
      message[0] = 0;
      message.writeUInt32BE(bytes.length, 1);
      message.set(bytes, PREFIX_BYTES);
      this.#waiting.push({ call, message, last, sent: 0 });
      this.#sendWaiting();
      return;
    }
    this.#sendWindow -= length;
    const at = this.#frameHead(length, Frame.data, last ? 1 : 0, call);
    this.#output[at] = 0;
    this.#output.writeUInt32BE(bytes.length, at + 1);
    this.#output.set(bytes, at + PREFIX_BYTES);
  }

  /** Sends what the connection's window allows of the messages that wait, in order. */
  #sendWaiting(): void {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const room = Math.min(this.#sendWindow, FRAME_BYTES_MAX);
      if (room <= 0) return;
      const part = first.message.subarray(first.sent, first.sent + room);
      first.sent += part.length;
      this.#sendWindow -= part.length;
      const isWhole = first.sent === first.message.length;
      this.#frame(Frame.data, isWhole && first.last ? 1 : 0, first.call, part);
      if (isWhole) this.#waiting.shift();
    }
  }

  #frame(type: number, flags: number, stream: number, payload: Uint8Array): void {
    const at = this.#frameHead(payload.length, type, flags, stream);
    this.#output.set(payload, at);
  }

  /** Writes a frame's head, takes room for its payload and says where that begins. */
  #frameHead(length: number, type: number, flags: number, stream: number): number {
    const at = this.#reserve(FRAME_HEAD_BYTES + length);
    this.#output.writeUIntBE(length, at, 3);
    this.#output[at + 3] = type;
    this.#output[at + 4] = flags;
    this.#output.writeUInt32BE(stream, at + 5);
    return at + FRAME_HEAD_BYTES;
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#output.set(bytes, at);
  }

  #windowUpdate(stream: number, increment: number): void {
    this.#frame(Frame.windowUpdate, 0, stream, u32(increment));
  }

  #reserve(count: number): number {
    const at = this.#outputLength;
    if (at + count > this.#output.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#output.length * 2, at + count));
      grown.set(this.#output.subarray(0, at));
      this.#output = grown;
    }
    this.#outputLength = at + count;
    if (!this.#isFlushing) {
      this.#isFlushing = true;
      setImmediate(() => this.#flush());
    }
    return at;
  }

  #flush(): void {
    this.#isFlushing = false;
    if (this.#isClosed) return;
    // The socket holds the buffer until it is written, so it gets a copy of its own.
    this.#socket.write(Buffer.from(this.#output.subarray(0, this.#outputLength)));
    this.#outputLength = 0;
  }

  #lost(): void {
    this.#isClosed = true;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.ended(LOST);
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, chunk]);
    }
    let at = 0;
    while (at + FRAME_HEAD_BYTES <= bytes.length) {
      const length = bytes.readUIntBE(at, 3);
      const end = at + FRAME_HEAD_BYTES + length;
      if (end > bytes.length) break;
      const type = bytes[at + 3] ?? 0;
      const stream = bytes.readUInt32BE(at + 5);
      this.#take(type, bytes[at + 4] ?? 0, stream, bytes.subarray(at + FRAME_HEAD_BYTES, end));
      at = end;
    }
    this.#rest = at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  #take(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case Frame.data:
        this.#data(stream, payload, (flags & 1) !== 0);
        return;
      case Frame.headers:
        this.#headers(stream, payload, (flags & 1) !== 0);
        return;
      case Frame.reset:
        this.#end(stream, { code: 14, text: `stream reset ${payload.readUInt32BE(0)}` });
        return;
      case Frame.settings:
        if ((flags & 1) === 0) this.#frame(Frame.settings, 1, 0, EMPTY);
        return;
      case Frame.ping:
        if ((flags & 1) === 0) this.#frame(Frame.ping, 1, 0, payload);
        return;
      case Frame.windowUpdate:
        if (stream !== 0) return;
        this.#sendWindow += payload.readUInt32BE(0);
        this.#sendWaiting();
        return;
      case Frame.continuation:
        throw new Error("a header block in two frames is not for this client");
      default:
    }
  }

  #data(stream: number, payload: Buffer, isLast: boolean): void {
    this.#received += payload.length;
    if (this.#received > WINDOW_REFILL_BYTES) {
      this.#windowUpdate(0, this.#received);
      this.#received = 0;
    }
    const call = this.#calls.get(stream);
    if (call === undefined) return;
    call.received += payload.length;
    if (call.received > WINDOW_REFILL_BYTES) {
      this.#windowUpdate(stream, call.received);
      call.received = 0;
    }
    call.splitter.take(payload, call);
    if (isLast) this.#end(stream, { code: 2, text: "no trailers" });
  }

  #headers(stream: number, block: Buffer, isLast: boolean): void {
    const key = block.toString("latin1");
    let fields = this.#blocks.get(key);
    if (fields === undefined) {
      fields = new Map(this.#decoder.decode(block));
      this.#blocks.set(key, fields);
    }
    if (!isLast) return;
    const text = decodeURIComponent(fields.get("grpc-message") ?? "");
    this.#end(stream, { code: Number(fields.get("grpc-status") ?? 2), text });
  }

  #end(stream: number, end: CallEnd): void {
    const call = this.#calls.get(stream);
    this.#calls.delete(stream);
    call?.ended(end);
  }
}

export interface FastStream {
  send(bytes: Uint8Array): void;
  cancel(): void;
}

const OK: CallEnd = { code: 0, text: "" };
const EMPTY: Buffer = Buffer.alloc(0);
