import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { FrameType, PREFACE } from "../http2/frames.ts";
import { HpackDecoder } from "../http2/hpack.ts";
import { MessageSplitter } from "./message-splitter.ts";

/** One gRPC message on its way, and which call it belongs to. */
export interface TappedMessage {
  readonly call: TappedCall;
  readonly from: "client" | "server";
  readonly bytes: Buffer;
}

/** One gRPC call: its path, and something to tell it from others by. */
export interface TappedCall {
  readonly path: string;
}

/**
 * Stands between any client and a server, hands all bytes on as they are, and reads along: every
 * gRPC message of every connection, in the order in which they passed. It knows nothing of the
 * client, so that clients of any language are heard.
 */
export class WireTap {
  readonly messages: TappedMessage[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(targetPort: number) {
    this.#server = createServer((client) => {
      const server = connect(targetPort, "127.0.0.1");
      const ears = new Connection((message) => this.messages.push(message));
      this.#join(client, server, (bytes) => ears.fromClient(bytes));
      this.#join(server, client, (bytes) => ears.fromServer(bytes));
    });
  }

  /** Listens on `port`, or on a free one for 0, and connects to `targetPort`. */
  static async open(targetPort: number, port = 0): Promise<WireTap> {
    const tap = new WireTap(targetPort);
    await new Promise<void>((resolve, reject) => {
      tap.#server.once("error", reject);
      tap.#server.listen(port, "127.0.0.1", resolve);
    });
    return tap;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** What one side sends goes to the other one, no faster than that one reads. */
  #join(from: Socket, to: Socket, hear: (bytes: Buffer) => void): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (bytes: Buffer) => {
      hear(bytes);
      if (!to.write(bytes)) from.pause();
    });
    to.on("drain", () => from.resume());
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}

interface OpenCall extends TappedCall {
  readonly client: MessageSplitter;
  readonly server: MessageSplitter;
}

/** Both directions of one connection; what is not HTTP/2 is passed over. */
class Connection {
  readonly #heard: (message: TappedMessage) => void;
  readonly #calls = new Map<number, OpenCall>();
  readonly #requestFields = new HpackDecoder();
  readonly #client = new Frames((type, flags, id, payload) =>
    this.#asked(type, flags, id, payload),
  );
  readonly #server = new Frames((type, flags, id, payload) => {
    if (type === FrameType.data) this.#message("server", id, withoutPadding(flags, payload));
  });
  #preface: Buffer | undefined = Buffer.alloc(0);
  #isHttp2 = false;
  #block: Buffer[] = [];

  constructor(heard: (message: TappedMessage) => void) {
    this.#heard = heard;
  }

  fromClient(bytes: Buffer): void {
    if (this.#preface === undefined) {
      if (this.#isHttp2) this.#client.take(bytes);
      return;
    }
    this.#preface = Buffer.concat([this.#preface, bytes]);
    if (this.#preface.length < PREFACE.length) return;
    this.#isHttp2 = this.#preface.subarray(0, PREFACE.length).equals(PREFACE);
    const rest = this.#preface.subarray(PREFACE.length);
    this.#preface = undefined;
    if (this.#isHttp2) this.#client.take(rest);
  }

  fromServer(bytes: Buffer): void {
    if (this.#isHttp2) this.#server.take(bytes);
  }

  #asked(type: number, flags: number, id: number, payload: Buffer): void {
    if (type === FrameType.data) this.#message("client", id, withoutPadding(flags, payload));
    if (type !== FrameType.headers && type !== FrameType.continuation) return;
    let fragment = payload;
    if (type === FrameType.headers) {
      fragment = withoutPadding(flags, payload);
      if ((flags & PRIORITY) !== 0) fragment = fragment.subarray(5);
    }
    this.#block.push(fragment);
    if ((flags & END_HEADERS) === 0) return;
    const fields = this.#requestFields.decode(Buffer.concat(this.#block));
    this.#block = [];
    if (this.#calls.has(id)) return;
    const path = fields.find(([name]) => name === ":path")?.[1] ?? "";
    this.#calls.set(id, { path, client: new MessageSplitter(), server: new MessageSplitter() });
  }

  #message(from: "client" | "server", id: number, payload: Buffer): void {
    const call = this.#calls.get(id);
    call?.[from].take(payload, {
      message: (bytes) => this.#heard({ call, from, bytes: Buffer.from(bytes) }),
    });
  }
}

const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;
const FRAME_HEAD_BYTES = 9;

function withoutPadding(flags: number, payload: Buffer): Buffer {
  if ((flags & PADDED) === 0) return payload;
  return payload.subarray(1, payload.length - (payload[0] ?? 0));
}

type TakeFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

/** Cuts the bytes of one direction into frames. */
class Frames {
  readonly #frame: TakeFrame;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #needed = FRAME_HEAD_BYTES;

  constructor(frame: TakeFrame) {
    this.#frame = frame;
  }

  take(bytes: Buffer): void {
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes < this.#needed) return;
    let rest = Buffer.concat(this.#held);
    for (;;) {
      const length = rest.length < FRAME_HEAD_BYTES ? 0 : rest.readUIntBE(0, 3);
      this.#needed = FRAME_HEAD_BYTES + length;
      if (rest.length < this.#needed) break;
      const payload = rest.subarray(FRAME_HEAD_BYTES, this.#needed);
      this.#frame(rest[3] ?? 0, rest[4] ?? 0, rest.readUInt32BE(5) & 0x7fffffff, payload);
      rest = rest.subarray(this.#needed);
    }
    this.#held = [rest];
    this.#heldBytes = rest.length;
  }
}
