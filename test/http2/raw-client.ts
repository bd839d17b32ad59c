import { connect, type Socket } from "node:net";
import { type Field, HpackDecoder } from "./hpack.ts";
import { FrameType, Flag, PREFACE, pingFrame, SETTINGS_ACK, settingsFrame } from "./frames.ts";

/** How long a test waits for what must come, milliseconds. Only a failing test waits this long. */
const WAIT_MS = 10_000;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Decoded fields when this frame completes a header block. */
  readonly fields?: ReadonlyMap<string, string>;
}

interface Waiter {
  readonly predicate: (frame: Frame) => boolean;
  readonly resolve: (frame: Frame | undefined) => void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * An HTTP/2 client that sends exactly the bytes it is told to, legal or not, and shows every frame
 * that comes back. It does nothing on its own but answer SETTINGS and PING.
 */
export class RawClient {
  /** All frames received so far, oldest first. */
  readonly received: Frame[] = [];
  /** The server's settings, by identifier. */
  readonly settings: Map<number, number> = new Map();
  /** Sizes of the chunks the socket delivered. */
  readonly chunks: number[] = [];
  /** Frames are counted and dropped instead of kept: for tests that receive very many. */
  keepFrames = true;
  answersPings = true;
  #isClosed = false;
  readonly #socket: Socket;
  readonly #hpack = new HpackDecoder();
  readonly #waiters: Set<Waiter> = new Set();
  /** Indices into `received` that a wait has already returned. */
  readonly #taken: Set<Frame> = new Set();
  #tail: Buffer = Buffer.alloc(0);
  #headerBlock: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    // A reset by the server is one way of closing; `closed` tells it.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#isClosed = true;
      for (const waiter of [...this.#waiters]) waiter.resolve(undefined);
    });
  }

  /** A bare TCP connection: not even the preface is sent. */
  static async bare(address: Address): Promise<RawClient> {
    const socket = connect(address.port, address.host);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawClient(socket);
  }

  /** A connection that has exchanged settings both ways. */
  static async open(
    address: Address,
    ...settings: readonly (readonly [number, number])[]
  ): Promise<RawClient> {
    const client = await RawClient.bare(address);
    client.send(PREFACE, settingsFrame(...settings));
    await client.next("the server's SETTINGS", (frame) => frame.type === FrameType.settings);
    await client.settingsAck();
    return client;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes the kernel has not taken from us yet. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  send(...parts: readonly Uint8Array[]): void {
    if (!this.#isClosed) this.#socket.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
  }

  /** Like `send`, but waits until the kernel took the bytes or the connection closed. */
  async flood(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.write(bytes, () => {
        this.#socket.off("close", resolve);
        resolve();
      });
    });
  }

  /** Stops and starts reading from the socket: a client that lies dead on its side. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes our direction of the connection only. */
  finish(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /**
   * The first frame that matches and that no earlier wait has returned, come or still to come.
   * `what` says in words what the test waits for. Undefined when the connection closes before.
   */
  async nextOrClose(
    what: string,
    predicate: (frame: Frame) => boolean,
    waitMs: number = WAIT_MS,
  ): Promise<Frame | undefined> {
    const early = this.received.find((frame) => !this.#taken.has(frame) && predicate(frame));
    if (early !== undefined) {
      this.#taken.add(early);
      return early;
    }
    if (this.#isClosed) return undefined;
    return await new Promise<Frame | undefined>((resolve, reject) => {
      const waiter: Waiter = {
        predicate,
        resolve: (frame) => {
          clearTimeout(timer);
          this.#waiters.delete(waiter);
          resolve(frame);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`waited ${waitMs} ms for ${what}; ${this.#story()}`));
      }, waitMs);
      this.#waiters.add(waiter);
    });
  }

  async next(
    what: string,
    predicate: (frame: Frame) => boolean,
    waitMs: number = WAIT_MS,
  ): Promise<Frame> {
    const frame = await this.nextOrClose(what, predicate, waitMs);
    if (frame === undefined) {
      throw new Error(`the connection closed before ${what}; ${this.#story()}`);
    }
    return frame;
  }

  async settingsAck(): Promise<Frame> {
    return await this.next(
      "SETTINGS with ACK",
      (frame) => frame.type === FrameType.settings && (frame.flags & Flag.ack) !== 0,
    );
  }

  /** The frame by which the server ends the stream. */
  async ended(streamId: number): Promise<Frame> {
    return await this.next(
      `END_STREAM on stream ${streamId}`,
      (frame) =>
        frame.streamId === streamId &&
        (frame.type === FrameType.headers || frame.type === FrameType.data) &&
        (frame.flags & Flag.endStream) !== 0,
    );
  }

  async closed(waitMs: number = WAIT_MS): Promise<void> {
    const frame = await this.nextOrClose("the connection to close", () => false, waitMs);
    if (frame !== undefined) throw new Error("a wait for nothing returned a frame");
  }

  #story(): string {
    const names = Object.entries(FrameType);
    const lines = this.received.slice(-12).map((frame) => {
      const name = names.find(([, type]) => type === frame.type)?.[0] ?? String(frame.type);
      const bytes = frame.payload.subarray(0, 16).toString("hex");
      return `${name}(stream ${frame.streamId}, flags ${frame.flags}, ${bytes})`;
    });
    return `received: ${lines.join(" ") || "nothing"}${this.#isClosed ? ", closed" : ""}`;
  }

  #read(chunk: Buffer): void {
    this.chunks.push(chunk.length);
    let bytes = this.#tail.length === 0 ? chunk : Buffer.concat([this.#tail, chunk]);
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3);
      if (bytes.length < 9 + length) break;
      this.#frame({
        type: bytes[3]!,
        flags: bytes[4]!,
        streamId: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: Buffer.from(bytes.subarray(9, 9 + length)),
      });
      bytes = bytes.subarray(9 + length);
    }
    this.#tail = bytes;
  }

  #frame(head: Frame): void {
    const frame = this.#withFields(head);
    if (frame.type === FrameType.settings && (frame.flags & Flag.ack) === 0) {
      for (let at = 0; at < frame.payload.length; at += 6) {
        this.settings.set(frame.payload.readUInt16BE(at), frame.payload.readUInt32BE(at + 2));
      }
      this.send(SETTINGS_ACK);
    }
    if (this.answersPings && frame.type === FrameType.ping && (frame.flags & Flag.ack) === 0) {
      this.send(pingFrame(frame.payload, true));
    }
    if (this.keepFrames) this.received.push(frame);
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(frame)) continue;
      this.#taken.add(frame);
      waiter.resolve(frame);
      return;
    }
  }

  #withFields(frame: Frame): Frame {
    if (frame.type !== FrameType.headers && frame.type !== FrameType.continuation) return frame;
    this.#headerBlock.push(fragment(frame));
    if ((frame.flags & Flag.endHeaders) === 0) return frame;
    const fields: readonly Field[] = this.#hpack.decode(Buffer.concat(this.#headerBlock));
    this.#headerBlock = [];
    return { ...frame, fields: new Map(fields) };
  }
}

/** The part of a HEADERS or CONTINUATION payload that belongs to the block. */
function fragment(frame: Frame): Buffer {
  if (frame.type === FrameType.continuation) return frame.payload;
  let start = 0;
  let end = frame.payload.length;
  if ((frame.flags & Flag.padded) !== 0) {
    end -= frame.payload[0]!;
    start += 1;
  }
  if ((frame.flags & Flag.priority) !== 0) start += 5;
  return frame.payload.subarray(start, end);
}
