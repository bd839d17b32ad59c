import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Method, StreamCall, StreamHandler } from "../../src/api/call.ts";
import { GrpcCode } from "../../src/base/errors.ts";
import { INPUT_SLICE_MS, WORK_BETWEEN_LOOKS } from "../../src/transport/input-turns.ts";
import { Listener } from "../../src/transport/listener.ts";
import { serverTls } from "../support/server-tls.ts";
import { type CertificateFiles, TestAuthority } from "../support/test-certificates.ts";
import { dataFrame, ErrorCode, rstStreamFrame, pingFrame } from "./frames.ts";
import { answer, bodyFrames, message, openCall, unaryCall } from "./grpc.ts";
import { connectionError } from "./conformance.ts";
import { ManualTime } from "./manual-time.ts";
import { type Address, RawClient } from "./raw-client.ts";

const STREAM = "/test.Turns/Stream";
const UNARY = "/test.Turns/Unary";
/** More than the messages that one slice takes when each of them takes all its time. */
const MANY = 40 * WORK_BETWEEN_LOOKS;

/** What one call of a client brought, in the order of its coming. */
interface Call extends StreamHandler {
  readonly who: string;
  readonly numbers: number[];
  end: "" | "half-closed" | "cancelled";
}

const time = new ManualTime();
let calls: Call[] = [];
/** The callers whose messages were handled, one after another. */
let handled: string[] = [];
/** Is called with each message. */
let onMessage: (who: string, count: number) => void = () => undefined;
let listener: Listener;
let address: Address;
let clients: RawClient[] = [];

/** Each message takes a whole slice. */
function take(who: string): void {
  time.advance(INPUT_SLICE_MS);
  handled.push(who);
  onMessage(who, handled.length);
}

const stream: Method = {
  kind: "stream",
  open: (call: StreamCall): StreamHandler => {
    const who = call.header("x-who") ?? "";
    const noted: Call = {
      who,
      numbers: [],
      end: "",
      message(bytes) {
        noted.numbers.push(Buffer.from(bytes).readUInt32BE(0));
        take(who);
      },
      halfClosed() {
        noted.end = "half-closed";
        call.end(GrpcCode.ok, "");
      },
      cancelled: () => void (noted.end ||= "cancelled"),
      drained: () => undefined,
    };
    calls.push(noted);
    return noted;
  },
};

const unary: Method = {
  kind: "unary",
  handle: (request, call) => {
    take(call.header("x-who") ?? "");
    call.reply(request);
  },
};

async function start(tls?: CertificateFiles): Promise<void> {
  listener = new Listener({
    methods: new Map([
      [STREAM, stream],
      [UNARY, unary],
    ]),
    http: (_, respond) => respond({ status: 200, headers: {}, body: "" }),
    maxMessageBytes: 1024 * 1024,
    maxConcurrentStreams: 10_000,
    keepaliveMinTimeMs: 5000,
    clock: time,
    timers: time,
    ...(tls !== undefined && { tls: serverTls(tls), isPlainAllowed: false }),
  });
  address = await listener.listen({ host: "127.0.0.1", port: 0 });
}

beforeEach(() => {
  calls = [];
  handled = [];
  onMessage = () => undefined;
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  clients = [];
  const drained = listener.drain(0);
  time.advance(60_000);
  await drained;
});

async function client(): Promise<RawClient> {
  const opened = await RawClient.open(address);
  clients.push(opened);
  return opened;
}

function numbered(i: number, size = 4): Buffer {
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32BE(i);
  return message(bytes);
}

function messages(count: number, size = 4): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => numbered(i, size)));
}

const who = (name: string): readonly [readonly [string, string]] => [["x-who", name]];

/** A stream with so many messages, in one write. */
function flood(name: string, count: number, isEnd: boolean): Buffer {
  return Buffer.concat([openCall(1, STREAM, who(name)), bodyFrames(1, messages(count), isEnd)]);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

describe("input of one connection", () => {
  beforeEach(async () => await start());

  test("a flood of messages on one stream lets others in between", async () => {
    const [loud, quiet] = [await client(), await client()];
    onMessage = (name, count): void => {
      if (name === "loud" && count === 1)
        quiet.send(unaryCall(1, UNARY, Buffer.of(1), who("quiet")));
    };
    loud.send(flood("loud", MANY, false));
    await answer(quiet, 1);
    expect(handled.indexOf("quiet")).toBeLessThan(MANY / 4);
    await until(() => handled.length === MANY + 1);
    expect(calls[0]!.numbers).toEqual(Array.from({ length: MANY }, (_, i) => i));
  });

  test("so does a flood of calls, each of which is answered", async () => {
    const [loud, quiet] = [await client(), await client()];
    onMessage = (name, count): void => {
      if (name === "loud" && count === 1)
        quiet.send(unaryCall(1, UNARY, Buffer.of(1), who("quiet")));
    };
    const sent = Array.from({ length: MANY }, (_, i) => {
      return unaryCall(i * 2 + 1, UNARY, numbered(i), who("loud"));
    });
    loud.send(Buffer.concat(sent));
    await answer(quiet, 1);
    expect(handled.indexOf("quiet")).toBeLessThan(MANY / 4);
    for (let i = 0; i < MANY; i += 50) {
      expect((await answer(loud, i * 2 + 1)).messages).toEqual([numbered(i)]);
    }
    await until(() => handled.length === MANY + 1);
  });

  test("two floods go on side by side", async () => {
    const [left, right] = [await client(), await client()];
    left.send(flood("left", MANY, true));
    right.send(flood("right", MANY, true));
    await until(() => handled.length === 2 * MANY);
    const half = handled.slice(0, MANY);
    const lefts = half.filter((name) => name === "left").length;
    expect(Math.abs(lefts - MANY / 2)).toBeLessThan(MANY / 4);
  });

  test("the end of a request comes behind all of its messages", async () => {
    const [loud] = [await client()];
    loud.send(flood("loud", MANY, true));
    expect((await answer(loud, 1)).status).toBe(0);
    expect(calls[0]).toMatchObject({ end: "half-closed" });
    expect(calls[0]!.numbers.length).toBe(MANY);
  });

  test("a reset comes behind what was sent before it, on its own and on other streams", async () => {
    const loud = await client();
    const before = Array.from({ length: MANY }, (_, i) => unaryCall(i * 2 + 3, UNARY, numbered(i)));
    loud.send(
      openCall(1, STREAM, who("first")),
      ...before,
      dataFrame(1, numbered(0)),
      rstStreamFrame(1, ErrorCode.cancel),
    );
    await until(() => calls[0]?.end === "cancelled");
    expect(handled.length).toBe(MANY + 1);
    expect(calls[0]!.numbers).toEqual([0]);
  });

  test("a client's end is seen behind all that it had sent", async () => {
    const loud = await client();
    const sent = Array.from({ length: MANY }, (_, i) => unaryCall(i * 2 + 1, UNARY, numbered(i)));
    loud.send(Buffer.concat(sent));
    loud.finish();
    await loud.closed();
    expect(handled.length).toBe(MANY);
  });

  test("a connection that is closed handles no more of what waits", async () => {
    const loud = await client();
    onMessage = (_, count): void => {
      if (count > 1) return;
      void listener.drain(0);
      time.advance(1);
    };
    loud.send(flood("loud", MANY, false));
    await loud.closed();
    expect(calls[0]).toMatchObject({ end: "cancelled", numbers: [0] });
    expect(handled.length).toBe(1);
  });

  test("a frame that is wrong ends the connection behind what was right", async () => {
    const loud = await client();
    const sent = Array.from({ length: MANY }, (_, i) => unaryCall(i * 2 + 1, UNARY, numbered(i)));
    loud.send(...sent, dataFrame(0, Buffer.of(1)));
    await connectionError(loud, ErrorCode.protocolError);
    expect(handled.length).toBe(MANY);
  });

  test("while input waits no more is read", async () => {
    const loud = await client();
    const size = 1024;
    let mostAhead = 0;
    onMessage = (_, count): void => {
      mostAhead = Math.max(mostAhead, listener.counters.bytesReceived - count * size);
    };
    loud.send(openCall(1, STREAM, who("loud")));
    const count = 3 * 1024;
    for (let i = 0; i < count; i += 64) {
      const part = Array.from({ length: 64 }, (_, k) => numbered(i + k, size));
      // The stream's window is not waited for: it is as wide as what may be ahead.
      while (i - handled.length > 512) await new Promise((resolve) => setImmediate(resolve));
      loud.send(bodyFrames(1, Buffer.concat(part), false));
    }
    await until(() => handled.length === count);
    expect(mostAhead).toBeLessThan(200 * 1024);
  });

  test("a ping behind a flood is answered behind it", async () => {
    const loud = await client();
    loud.send(flood("loud", MANY, false), pingFrame(Buffer.from("are you?")));
    await loud.next("the answer", ({ payload }) => payload.toString() === "are you?");
    expect(handled.length).toBe(MANY);
  });
});

test("over TLS, too, a flood lets others in between", async () => {
  const authority = new TestAuthority();
  const own = authority.issue({ commonName: "server" });
  await start(own);
  const open = (): ReturnType<typeof connect> =>
    connect(`https://127.0.0.1:${address.port}`, { ca: readFileSync(authority.caFile) });
  const [loud, quiet] = [open(), open()];
  const post = (
    session: typeof loud,
    path: string,
    name: string,
  ): ReturnType<typeof loud.request> =>
    session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      "x-who": name,
    });
  // Both are connected before anything is sent.
  await Promise.all([loud, quiet].map((each) => new Promise((done) => each.once("connect", done))));
  const answered = new Promise((done) => {
    onMessage = (name, count): void => {
      if (name !== "loud" || count !== 1) return;
      post(quiet, UNARY, "quiet").on("response", done).end(numbered(0));
    };
  });
  const flooding = post(loud, STREAM, "loud");
  flooding.resume();
  flooding.end(messages(4 * MANY));
  await answered;
  expect(handled.indexOf("quiet")).toBeLessThan(MANY * 2);
  await until(() => calls[0]!.end === "half-closed");
  expect(calls[0]!.numbers).toEqual(Array.from({ length: 4 * MANY }, (_, i) => i));
  loud.destroy();
  quiet.destroy();
  authority.dispose();
});
