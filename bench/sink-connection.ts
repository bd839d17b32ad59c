import { type Socket, connect } from "node:net";
import {
  FRAME_BYTES_MAX,
  FRAME_HEAD_BYTES,
  Frame,
  PREFACE,
  PREFIX_BYTES,
  WINDOW_FIRST,
  frame,
  requestBlock,
  settings,
  u32,
} from "../test/support/client-frames.ts";
import type { MessageCounter } from "./message-counter.ts";

export interface SinkConnectionOptions {
  readonly port: number;
  /** What every socket of this thread reads into: bytes are used up before the next read. */
  readonly buffer: Buffer;
  /** A client that will not read leaves the windows as small as they are at first. */
  readonly hasLargeWindows: boolean;
  /** Called after each read, when its bytes have been used. */
  readonly afterRead: () => void;
  readonly failed: (error: Error) => void;
}

const WATCH_PATH = "/etcdserverpb.Watch/Watch";
const WINDOW_LARGE: number = 2 ** 30;
const WINDOW_REFILL_BYTES: number = 2 ** 26;
const FRAME_BYTES_LARGE: number = 2 ** 20;
const FLAG_END: number = 0x1;
const FLAG_ACK: number = 0x1;
const FLAG_END_HEADERS: number = 0x4;
const FLAG_PADDED: number = 0x8;
const SETTING_INITIAL_WINDOW = 4;
const SETTING_FRAME_BYTES = 5;
/** Frames that are read whole are small ones. */
const WHOLE_FRAME_BYTES_MAX = 65_536;

interface SinkStream {
  readonly id: number;
  readonly counter: MessageCounter;
  sendWindow: number;
  received: number;
}

/**
 * Watch streams over one socket, read at the level of frames: DATA goes to the streams' counters
 * where the kernel put it, other frames are few. It expects a server that behaves, and says so
 * loudly when one does not.
 */
export class SinkConnection {
  readonly #options: SinkConnectionOptions;
  readonly #socket: Socket;
  readonly #streams: SinkStream[] = [];
  readonly #requestHeaders: Buffer;
  /** Requests that wait for a window, in order. */
  readonly #waiting: { readonly stream: SinkStream; readonly message: Buffer }[] = [];
  #sendWindow = WINDOW_FIRST;
  #initialSendWindow = WINDOW_FIRST;
  #received = 0;
  readonly #head: Buffer = Buffer.alloc(FRAME_HEAD_BYTES);
  #headRead = 0;
  #payloadLeft = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  readonly #payload: Buffer = Buffer.alloc(WHOLE_FRAME_BYTES_MAX);
  #payloadRead = 0;
  #ponged: (() => void) | undefined;

  private constructor(options: SinkConnectionOptions) {
    this.#options = options;
    this.#requestHeaders = requestBlock(WATCH_PATH, `127.0.0.1:${options.port}`);
    this.#socket = connect({
      host: "127.0.0.1",
      port: options.port,
      noDelay: true,
      onread: { buffer: options.buffer, callback: (length) => this.#read(length) },
    });
    this.#socket.on("error", options.failed);
    this.#socket.on("close", () => options.failed(new Error("the server closed a connection")));
    this.#write(PREFACE);
    if (options.hasLargeWindows) {
      this.#write(
        settings([SETTING_INITIAL_WINDOW, WINDOW_LARGE], [SETTING_FRAME_BYTES, FRAME_BYTES_LARGE]),
      );
      this.#write(frame(Frame.windowUpdate, 0, 0, u32(WINDOW_LARGE)));
    } else this.#write(settings());
  }

  static open(options: SinkConnectionOptions): Promise<SinkConnection> {
    return new Promise((resolve) => {
      const connection = new SinkConnection(options);
      connection.#socket.once("connect", () => resolve(connection));
    });
  }

  /** Opens a watch stream whose responses go to `counter`; returns its number for `send`. */
  openStream(counter: MessageCounter): number {
    const number = this.#streams.length;
    const id = number * 2 + 1;
    this.#streams.push({ id, counter, sendWindow: this.#initialSendWindow, received: 0 });
    this.#write(frame(Frame.headers, FLAG_END_HEADERS, id, this.#requestHeaders));
    return number;
  }

  /** Sends a WatchRequest as soon as the windows allow it. */
  send(number: number, request: Buffer): void {
    const stream = this.#streams[number];
    if (stream === undefined) throw new Error("no such stream");
    const message = Buffer.alloc(PREFIX_BYTES + request.length);
    if (message.length > FRAME_BYTES_MAX) throw new Error("a watch request is short here");
    message.writeUInt32BE(request.length, 1);
    message.set(request, PREFIX_BYTES);
    this.#waiting.push({ stream, message });
  }

  /** Writes what `send` was given, as far as the windows allow; the rest follows by itself. */
  flush(): void {
    const frames: Buffer[] = [];
    let taken = 0;
    for (const { stream, message } of this.#waiting) {
      if (message.length > Math.min(this.#sendWindow, stream.sendWindow)) break;
      this.#sendWindow -= message.length;
      stream.sendWindow -= message.length;
      frames.push(frame(Frame.data, 0, stream.id, message));
      taken++;
    }
    this.#waiting.splice(0, taken);
    if (taken > 0) this.#write(Buffer.concat(frames));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Reads no byte from now on. */
  stall(): void {
    this.#socket.pause();
  }

  /** Resolved when the server has read all that was written before. */
  ping(): Promise<void> {
    this.#write(frame(Frame.ping, 0, 0, Buffer.alloc(8)));
    return new Promise((resolve) => {
      this.#ponged = resolve;
    });
  }

  #write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  #read(length: number): boolean {
    const bytes = this.#options.buffer;
    let at = 0;
    try {
      while (at < length) {
        if (this.#headRead < FRAME_HEAD_BYTES) at = this.#readHead(bytes, at, length);
        const end = Math.min(length, at + this.#payloadLeft);
        if (this.#type === Frame.data) this.#data(bytes, at, end);
        else this.#keep(bytes, at, end);
        this.#payloadLeft -= end - at;
        at = end;
        if (this.#headRead === FRAME_HEAD_BYTES && this.#payloadLeft === 0) this.#frameEnd();
      }
      this.#options.afterRead();
    } catch (error) {
      this.#options.failed(error instanceof Error ? error : new Error(String(error)));
      return false;
    }
    return true;
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const head = this.#head;
    let at = start;
    while (this.#headRead < FRAME_HEAD_BYTES && at < end) {
      head[this.#headRead++] = bytes[at++] as number;
    }
    if (this.#headRead < FRAME_HEAD_BYTES) return at;
    this.#payloadLeft = head.readUIntBE(0, 3);
    this.#type = head[3] as number;
    this.#flags = head[4] as number;
    this.#stream = head.readUInt32BE(5);
    this.#payloadRead = 0;
    if (this.#type === Frame.data) this.#dataBegins(this.#payloadLeft);
    else if (this.#payloadLeft > WHOLE_FRAME_BYTES_MAX) throw new Error("a large control frame");
    return at;
  }

  #dataBegins(length: number): void {
    if ((this.#flags & FLAG_PADDED) !== 0) throw new Error("a padded frame");
    if (!this.#options.hasLargeWindows) return;
    this.#received += length;
    if (this.#received > WINDOW_REFILL_BYTES) {
      this.#write(frame(Frame.windowUpdate, 0, 0, u32(this.#received)));
      this.#received = 0;
    }
    const stream = this.#streams[this.#stream >>> 1];
    if (stream === undefined) throw new Error("DATA on a stream that was not opened");
    stream.received += length;
    if (stream.received > WINDOW_REFILL_BYTES) {
      this.#write(frame(Frame.windowUpdate, 0, stream.id, u32(stream.received)));
      stream.received = 0;
    }
  }

  #data(bytes: Buffer, start: number, end: number): void {
    if (start < end) this.#streams[this.#stream >>> 1]?.counter.take(bytes, start, end);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    bytes.copy(this.#payload, this.#payloadRead, start, end);
    this.#payloadRead += end - start;
  }

  #frameEnd(): void {
    this.#headRead = 0;
    const payload = this.#payload.subarray(0, this.#payloadRead);
    const isAck = (this.#flags & FLAG_ACK) !== 0;
    switch (this.#type) {
      case Frame.data:
      case Frame.headers:
        if ((this.#flags & FLAG_END) !== 0) throw new Error("the server ended a watch stream");
        break;
      case Frame.reset:
        throw new Error(`the server reset a watch stream: ${payload.readUInt32BE(0)}`);
      case Frame.goaway:
        throw new Error(`GOAWAY: ${payload.readUInt32BE(4)} ${payload.toString("latin1", 8)}`);
      case Frame.settings:
        if (!isAck) this.#settings(payload);
        break;
      case Frame.ping:
        if (isAck) this.#ponged?.();
        else this.#write(frame(Frame.ping, FLAG_ACK, 0, payload));
        break;
      case Frame.windowUpdate:
        this.#windowUpdate(payload.readUInt32BE(0));
        break;
      default:
    }
  }

  #settings(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== SETTING_INITIAL_WINDOW) continue;
      const change = payload.readUInt32BE(at + 2) - this.#initialSendWindow;
      this.#initialSendWindow += change;
      for (const stream of this.#streams) stream.sendWindow += change;
    }
    this.#write(frame(Frame.settings, FLAG_ACK, 0, Buffer.alloc(0)));
    this.flush();
  }

  #windowUpdate(increment: number): void {
    if (this.#stream === 0) this.#sendWindow += increment;
    else {
      const stream = this.#streams[this.#stream >>> 1];
      if (stream !== undefined) stream.sendWindow += increment;
    }
    this.flush();
  }
}
