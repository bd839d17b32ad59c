import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { HttpBodyReader, HttpExchange } from "../../src/api/call.ts";
import { INPUT_SLICE_MS, WORK_BETWEEN_LOOKS } from "../../src/transport/input-turns.ts";
import { Listener } from "../../src/transport/listener.ts";
import { ManualTime } from "../http2/manual-time.ts";

const MANY = 40 * WORK_BETWEEN_LOOKS;
const time = new ManualTime();
let handled: string;
/** What has come when the other client was heard. */
let heardAt: number;
let onFirst: () => void;
let listener: Listener;
let port: number;
let sockets: Socket[] = [];

/** Each letter takes a whole slice. */
function take(letter: string): void {
  handled += letter;
  time.advance(INPUT_SLICE_MS);
  if (handled.length === 1) onFirst();
}

/** Each letter of the body is a message. */
class Letters implements HttpBodyReader {
  readonly heldBytes = 0;
  readonly #exchange: HttpExchange;
  #waiting = "";

  constructor(exchange: HttpExchange) {
    this.#exchange = exchange;
  }

  body(bytes: Uint8Array): void {
    const isWaiting = this.#waiting !== "";
    this.#waiting += Buffer.from(bytes).toString().replaceAll("\n", "");
    if (!isWaiting) this.#goOn();
  }

  readonly #goOn = (): void => {
    while (this.#waiting !== "") {
      take(this.#waiting[0] ?? "");
      this.#waiting = this.#waiting.slice(1);
      if (this.#exchange.mayGoOn()) continue;
      this.#exchange.pauseBody(true);
      this.#exchange.nextTurn(this.#goOn);
      return;
    }
    this.#exchange.pauseBody(false);
  };

  ended(): void {}
  cancelled(): void {}
  drained(): void {}
}

beforeEach(async () => {
  handled = "";
  heardAt = -1;
  listener = new Listener({
    methods: new Map(),
    http: ({ target }, respond) => {
      if (target.startsWith("/letter/")) take(target.slice("/letter/".length));
      else heardAt = handled.length;
      respond({ status: 200, headers: {}, body: "" });
    },
    front: {
      wants: (target) => target === "/letters",
      begin: (exchange) => new Letters(exchange),
    },
    maxMessageBytes: 1024 * 1024,
    maxConcurrentStreams: 100,
    keepaliveMinTimeMs: 5000,
    clock: time,
    timers: time,
  });
  ({ port } = await listener.listen({ host: "127.0.0.1", port: 0 }));
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  const drained = listener.drain(0);
  time.advance(60_000);
  await drained;
});

async function open(): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  sockets.push(socket);
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}

/** Another client asks for something when the first letter has come. */
async function othersAskMeanwhile(): Promise<void> {
  const other = await open();
  onFirst = () => other.write("GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
}

async function untilAll(letters: string): Promise<void> {
  while (handled.length < letters.length) await new Promise((resolve) => setImmediate(resolve));
  expect(handled).toBe(letters);
  // Two turns at most until it is read, and the turn of its own.
  expect(heardAt).toBeGreaterThan(0);
  expect(heardAt).toBeLessThan(MANY / 4);
}

const LETTERS: string = "abcdefghij".repeat(MANY / 10);

/** A whole message of text, masked with zeros. */
function textFrame(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)]);
}

test("a flood of messages and pings over WebSocket lets others in between", async () => {
  await othersAskMeanwhile();
  const loud = await open();
  const upgrade =
    "GET /letters HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  const ping = Buffer.of(0x89, 0x80, 0, 0, 0, 0);
  const frames = Array.from(LETTERS, (letter) => Buffer.concat([textFrame(letter), ping]));
  loud.write(Buffer.concat([Buffer.from(upgrade), ...frames]));
  await untilAll(LETTERS);
});

test("a flood of messages in one body over HTTP/1.1 lets others in between", async () => {
  await othersAskMeanwhile();
  const loud = await open();
  const head = `POST /letters HTTP/1.1\r\nHost: a\r\nContent-Length: ${LETTERS.length}\r\n\r\n`;
  loud.write(head + LETTERS);
  await untilAll(LETTERS);
});

test("a flood of requests over HTTP/1.1 lets others in between, and is answered in order", async () => {
  await othersAskMeanwhile();
  const loud = await open();
  let answers = 0;
  loud.on(
    "data",
    (bytes: Buffer) => (answers += bytes.toString().split("HTTP/1.1 200").length - 1),
  );
  const requests = Array.from(
    LETTERS,
    (letter) => `GET /letter/${letter} HTTP/1.1\r\nHost: a\r\n\r\n`,
  );
  loud.write(requests.join(""));
  await untilAll(LETTERS);
  while (answers < MANY) await new Promise((resolve) => setImmediate(resolve));
});

test("a request of HTTP/1.1 that waits is gone with its connection", async () => {
  await othersAskMeanwhile();
  const loud = await open();
  onFirst = () => void listener.drain(0).then(() => (isDrained = true));
  let isDrained = false;
  loud.write("GET /letter/a HTTP/1.1\r\nHost: a\r\n\r\n".repeat(MANY));
  while (handled === "") await new Promise((resolve) => setImmediate(resolve));
  time.advance(1_000);
  while (!isDrained) await new Promise((resolve) => setImmediate(resolve));
  expect(handled.length).toBeLessThan(MANY / 4);
});
