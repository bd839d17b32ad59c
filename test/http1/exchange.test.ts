import { connect, type ClientHttp2Session } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DummyServer } from "../http2/dummy-server.ts";
import { HeldFront } from "./held-front.ts";

/** Requests in pieces, with nobody behind them who knows what they mean. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEAD = "POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n";

let front: HeldFront;
let server: DummyServer;

beforeEach(async () => {
  front = new HeldFront();
  server = await DummyServer.start({ front });
});

afterEach(() => server.stop());

/** One HTTP/1.1 connection in bytes. */
class Client {
  readonly #socket: Socket;
  #text = "";
  #isClosed = false;
  #wake: () => void = () => undefined;

  constructor() {
    this.#socket = connectSocket(server.address.port, server.address.host);
    this.#socket.on("data", (piece: Buffer) => {
      this.#text += piece.toString();
      this.#wake();
    });
    this.#socket.on("close", () => {
      this.#isClosed = true;
      this.#wake();
    });
    this.#socket.on("error", () => undefined);
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** All that has come, once it contains this. */
  async until(part: string): Promise<string> {
    while (!this.#text.includes(part)) {
      if (this.#isClosed) throw new Error(`closed before ${part} came: ${this.#text}`);
      await this.#changed();
    }
    return this.#text;
  }

  async closed(): Promise<string> {
    while (!this.#isClosed) await this.#changed();
    return this.#text;
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

describe("a request in pieces over HTTP/1.1", () => {
  test("comes as it is sent, and is answered while it comes", async () => {
    const client = new Client();
    client.send(`${HEAD}01234`);
    const held = await front.first(({ text }) => text === "01234");
    held.exchange.start(200, { "x-a": "b" });
    held.exchange.write("one\n");
    expect(await client.until("one\n")).toContain("\r\nx-a: b\r\n");
    client.send("56789");
    await front.first(({ hasEnded }) => hasEnded);
    held.exchange.write("two\n");
    held.exchange.finish();
    await client.until("two\n");
    // The connection serves the next one.
    client.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until("hello from the dummy server");
    client.destroy();
  });

  test("that does not come to its end is closed after 30 s, as long as it has no answer", async () => {
    const client = new Client();
    client.send(`${HEAD}0123`);
    await front.first(({ text }) => text === "0123");
    server.time.advance(REQUEST_TIMEOUT_MS - 1);
    client.send("4");
    await front.first(({ text }) => text === "01234");
    server.time.advance(1);
    expect(await client.closed()).toBe("");
    await front.first(({ isCancelled }) => isCancelled);
  });

  test("whose answer has begun may take any time", async () => {
    const client = new Client();
    client.send(`${HEAD}0123`);
    const held = await front.first();
    held.exchange.start(200, {});
    server.time.advance(100 * REQUEST_TIMEOUT_MS);
    held.exchange.write("still here");
    await client.until("still here");
    client.destroy();
    await front.first(({ isCancelled }) => isCancelled);
  });

  test("that is refused early may be sent on for a moment, then it is closed", async () => {
    const client = new Client();
    client.send(`${HEAD}0123`);
    const held = await front.first();
    held.exchange.start(404, {});
    held.exchange.finish();
    await client.until("404 Not Found");
    server.time.advance(500);
    await client.closed();
  });

  test("that is refused early and comes to its end leaves the connection usable", async () => {
    const client = new Client();
    client.send(`${HEAD}0123`);
    const held = await front.first();
    held.exchange.start(404, {});
    held.exchange.finish();
    await client.until("404 Not Found");
    client.send("456789GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until("hello from the dummy server");
    server.time.advance(REQUEST_TIMEOUT_MS - 1);
    client.send("GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
    await client.until("/again");
    client.destroy();
  });

  test("says when its client does not keep up, and when it does again", async () => {
    const client = new Client();
    client.pause();
    client.send(HEAD);
    const held = await front.first();
    held.exchange.start(200, {});
    const piece = "x".repeat(1_000_000);
    let pieces = 0;
    for (; held.exchange.writable; pieces++) {
      held.exchange.write(piece);
      await new Promise(setImmediate);
    }
    // What the kernel takes is its affair; ours is not to go on for ever.
    expect(pieces).toBeLessThan(100);
    const before = held.drainedCount;
    client.resume();
    await front.first(({ drainedCount }) => drainedCount > before);
    expect(held.exchange.writable).toBe(true);
    client.destroy();
  });

  test("stops coming while it is paused", async () => {
    const client = new Client();
    client.send(`${HEAD}0`);
    const held = await front.first(({ text }) => text === "0");
    held.exchange.pauseBody(true);
    client.send("1");
    const other = new Client();
    other.send("GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    await other.until("hello");
    expect(held.text).toBe("0");
    held.exchange.pauseBody(false);
    await front.first(({ text }) => text === "01");
    client.destroy();
    other.destroy();
  });
});

describe("a request in pieces over HTTP/2", () => {
  let session: ClientHttp2Session;

  beforeEach(() => {
    session = connect(`http://${server.address.host}:${server.address.port}`, {
      settings: { initialWindowSize: 1000 },
    });
    session.on("error", () => undefined);
  });

  afterEach(() => session.destroy());

  test("is answered while it comes, and says when its client does not keep up", async () => {
    const call = session.request({ ":method": "POST", ":path": "/held", ":authority": "me:1" });
    call.write("01");
    const held = await front.first(({ text }) => text === "01");
    expect(held.exchange.header("host")).toBe("me:1");
    call.pause();
    held.exchange.start(200, { "content-type": "text/plain" });
    for (let i = 0; i < 10; i++) held.exchange.write("x".repeat(5000));
    expect(held.exchange.writable).toBe(false);
    let length = 0;
    call.on("data", (piece: Buffer) => {
      length += piece.length;
    });
    call.resume();
    await front.first(({ drainedCount }) => drainedCount === 1);
    call.end("2");
    await front.first(({ text, hasEnded }) => text === "012" && hasEnded);
    held.exchange.finish();
    await new Promise((resolve) => call.on("end", resolve));
    expect(length).toBe(50_000);
  });

  test("that is reset is told of", async () => {
    const call = session.request({ ":method": "POST", ":path": "/held" });
    call.on("error", () => undefined);
    await front.first();
    call.destroy();
    await front.first(({ isCancelled }) => isCancelled);
  });

  test("that lasts ends with the server, with 503 when nothing was said yet", async () => {
    const statuses: Promise<unknown>[] = [];
    for (const path of ["/held/1", "/held/2"]) {
      const call = session.request({ ":method": "POST", ":path": path });
      call.on("error", () => undefined);
      call.resume();
      statuses.push(
        new Promise((resolve) => call.on("response", (head) => resolve(head[":status"]))),
      );
    }
    while (front.exchanges.length < 2) await new Promise(setImmediate);
    front.exchanges[0]?.exchange.start(200, {});
    const drained = server.listener.drain(1000);
    server.time.advance(1000);
    expect(await Promise.all(statuses)).toEqual([200, 503]);
    expect(front.exchanges.map(({ isCancelled }) => isCancelled)).toEqual([true, true]);
    server.time.advance(60_000);
    await drained;
  });
});
