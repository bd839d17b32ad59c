import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { alive, codeName, get, GET, streamError } from "./conformance.ts";
import { DummyServer } from "./dummy-server.ts";
import {
  continuationFrame,
  dataFrame,
  ErrorCode,
  Flag,
  frame,
  FrameType,
  headersFrame,
  pingFrame,
  PREFACE,
  priorityFrame,
  rstStreamFrame,
  Setting,
  SETTINGS_ACK,
  settingsFrame,
  windowUpdateFrame,
} from "./frames.ts";
import { answer, grpcFields, message, openCall, unaryCall } from "./grpc.ts";
import { heldMemoryBytes } from "./held-memory.ts";
import { block, FIRST_DYNAMIC, indexed, literal } from "./hpack.ts";
import { RawClient } from "./raw-client.ts";

const MiB = 1024 * 1024;
const ECHO = "/test.Dummy/Echo";
const HELD = "/test.Dummy/Held";
/** Frames of one burst; between bursts a healthy client makes a call. */
const BURST_FRAMES = 200;
/** No flood may live longer than this; time stands still, so nothing is forgiven meanwhile. */
const FLOOD_FRAMES_MAX = 40_000;

let server: DummyServer;
let healthy: RawClient;
let healthyStreamId = 1;
beforeAll(async () => {
  server = await DummyServer.start();
  healthy = await RawClient.open(server.address);
});
afterAll(async () => {
  healthy.destroy();
  await server.stop();
});
beforeEach(() => void (server.streams.length = 0));

/** A client that behaves gets its answers whatever others do. */
async function serveHealthy(): Promise<void> {
  const bytes = Buffer.from(`call ${healthyStreamId}`);
  healthy.send(unaryCall(healthyStreamId, ECHO, bytes));
  const result = await answer(healthy, healthyStreamId);
  expect(result.messages).toEqual([bytes]);
  healthyStreamId += 2;
  healthy.received.length = 0;
}

interface Flood {
  readonly name: string;
  /** Frames sent once, before the flood. */
  readonly start?: Buffer;
  /** The flood's frame number `i`. */
  frame(i: number): Buffer;
  /** Codes that say why; ENHANCE_YOUR_CALM unless the frames break another rule first. */
  readonly codes?: readonly number[];
}

/** Sends the flood until the server has had enough, and returns how many frames that took. */
async function outlast(client: RawClient, flood: Flood): Promise<number> {
  client.send(flood.start ?? Buffer.alloc(0));
  let sent = 0;
  while (sent < FLOOD_FRAMES_MAX && !client.isClosed && goawayOf(client) === undefined) {
    const burst: Buffer[] = [];
    for (let i = 0; i < BURST_FRAMES; i++) burst.push(flood.frame(sent++));
    await client.flood(Buffer.concat(burst));
    await serveHealthy();
  }
  return sent;
}

function goawayOf(client: RawClient): number | undefined {
  const goaway = client.received.find(({ type }) => type === FrameType.goaway);
  return goaway?.payload.readUInt32BE(4);
}

async function expectCut(flood: Flood): Promise<void> {
  const client = await RawClient.open(server.address);
  const sent = await outlast(client, flood);
  expect(sent).toBeLessThan(FLOOD_FRAMES_MAX);
  server.time.advance(1000);
  await client.closed();
  const codes = flood.codes ?? [ErrorCode.enhanceYourCalm];
  const code = goawayOf(client);
  expect(code).toBeDefined();
  expect(codes.map(codeName)).toContain(codeName(code!));
  await serveHealthy();
}

const streamOf = (i: number): number => i * 2 + 1;
const closedStream = Buffer.concat([get(1), rstStreamFrame(1, ErrorCode.cancel)]);

const resets: readonly Flood[] = [
  {
    name: "streams opened and reset at once",
    frame: (i) =>
      Buffer.concat([openCall(streamOf(i), HELD), rstStreamFrame(streamOf(i), ErrorCode.cancel)]),
  },
  {
    name: "whole calls reset before the answer",
    frame: (i) =>
      Buffer.concat([
        unaryCall(streamOf(i), "/test.Dummy/Hold", Buffer.alloc(1)),
        rstStreamFrame(streamOf(i), ErrorCode.cancel),
      ]),
  },
  {
    name: "streams that make the server reset them by an increment of 0",
    frame: (i) => Buffer.concat([openCall(streamOf(i), HELD), windowUpdateFrame(streamOf(i), 0)]),
  },
  {
    name: "streams that make the server reset them by DATA after the end",
    frame: (i) =>
      Buffer.concat([
        unaryCall(streamOf(i), "/test.Dummy/Hold", Buffer.alloc(1)),
        dataFrame(streamOf(i), Buffer.alloc(1)),
      ]),
  },
  {
    name: "malformed requests",
    frame: (i) => headersFrame(streamOf(i), block([...GET, ["X-UPPER", "1"]]), { end: true }),
  },
  {
    name: "DATA on a closed stream",
    start: closedStream,
    frame: () => dataFrame(1, Buffer.alloc(1)),
    codes: [ErrorCode.enhanceYourCalm, ErrorCode.streamClosed],
  },
];

const controls: readonly Flood[] = [
  { name: "PING", frame: () => pingFrame() },
  { name: "PING with ACK", frame: () => pingFrame(Buffer.alloc(8), true) },
  { name: "SETTINGS", frame: () => settingsFrame([Setting.initialWindowSize, 65535]) },
  { name: "empty SETTINGS", frame: () => settingsFrame() },
  { name: "SETTINGS with ACK", frame: () => SETTINGS_ACK },
  { name: "PRIORITY of idle streams", frame: (i) => priorityFrame(streamOf(i), { dependsOn: 0 }) },
  {
    name: "empty DATA",
    start: openCall(1, HELD),
    frame: () => dataFrame(1, Buffer.alloc(0)),
  },
  {
    name: "DATA that is all padding",
    start: openCall(1, HELD),
    frame: () => frame(FrameType.data, Flag.padded, 1, Buffer.alloc(3, 2).fill(2, 0, 1)),
  },
  { name: "WINDOW_UPDATE of the connection", frame: () => windowUpdateFrame(0, 1) },
  {
    name: "WINDOW_UPDATE of a stream",
    start: openCall(1, HELD),
    frame: () => windowUpdateFrame(1, 1),
  },
  {
    name: "WINDOW_UPDATE of a closed stream",
    start: closedStream,
    frame: () => windowUpdateFrame(1, 1),
  },
  {
    name: "RST_STREAM of a closed stream",
    start: closedStream,
    frame: () => rstStreamFrame(1, ErrorCode.cancel),
  },
  { name: "unknown frames", frame: () => frame(0x16, 0, 0) },
  {
    name: "alternating settings of open streams' windows",
    start: Buffer.concat(Array.from({ length: 100 }, (_, i) => openCall(streamOf(i), HELD))),
    frame: (i) => settingsFrame([Setting.initialWindowSize, i % 2 === 0 ? 0 : 65535]),
  },
];

const continuations: readonly Flood[] = [
  {
    name: "CONTINUATION without end",
    start: headersFrame(1, block(GET), { end: true, endHeaders: false }),
    frame: (i) => continuationFrame(1, literal("incremental", `x-${i}`, "v".repeat(900)), false),
  },
  {
    name: "empty CONTINUATION without end",
    start: headersFrame(1, block(GET), { end: true, endHeaders: false }),
    frame: () => continuationFrame(1, Buffer.alloc(0), false),
  },
];

describe("rapid reset: the connection is cut, others are served", () => {
  test.each(resets)("$name", async (flood) => await expectCut(flood));
});

describe("floods of control frames: the connection is cut, others are served", () => {
  test.each(controls)("$name", async (flood) => await expectCut(flood));
});

describe("floods of CONTINUATION: the connection is cut, others are served", () => {
  test.each(continuations)("$name", async (flood) => await expectCut(flood));
});

describe("keepalive pings (T3)", () => {
  test("pings too close together end with too_many_pings", async () => {
    const client = await RawClient.open(server.address);
    client.send(openCall(1, HELD));
    for (let i = 0; i < 6; i++) client.send(pingFrame(Buffer.alloc(8, i)));
    const goaway = await client.next("GOAWAY", ({ type }) => type === FrameType.goaway);
    expect(goaway.payload.readUInt32BE(4)).toBe(ErrorCode.enhanceYourCalm);
    expect(goaway.payload.subarray(8).toString()).toBe("too_many_pings");
    server.time.advance(1000);
    await client.closed();
  });

  test("pings as far apart as the server asks for go on for ever", async () => {
    const client = await RawClient.open(server.address);
    client.send(openCall(1, HELD));
    for (let i = 0; i < 20; i++) {
      await alive(client);
      server.time.advance(5001);
    }
    client.destroy();
  });

  test("pings without any stream are soon too many", async () => {
    const client = await RawClient.open(server.address);
    for (let i = 0; i < 6; i++) {
      client.send(pingFrame(Buffer.alloc(8, i)));
      server.time.advance(6000);
    }
    const goaway = await client.next("GOAWAY", ({ type }) => type === FrameType.goaway);
    expect(goaway.payload.subarray(8).toString()).toBe("too_many_pings");
    client.destroy();
  });
});

describe("memory", () => {
  test("a block of references to one long field is refused before it is unfolded", async () => {
    const client = await RawClient.open(server.address);
    const long = literal("incremental", "x-long", "v".repeat(3900));
    client.send(headersFrame(1, Buffer.concat([block(GET), long]), { end: true }));
    await alive(client);
    const before = heldMemoryBytes();
    const bomb = Buffer.concat([block(GET), ...Array<Buffer>(12_000).fill(indexed(FIRST_DYNAMIC))]);
    client.send(headersFrame(3, bomb, { end: true }));
    await streamError(
      client,
      3,
      ErrorCode.enhanceYourCalm,
      ErrorCode.protocolError,
      ErrorCode.refusedStream,
      ErrorCode.cancel,
    );
    expect(heldMemoryBytes() - before).toBeLessThan(MiB);
    await serveHealthy();
    client.destroy();
  });

  test("prefixes that promise 2 MiB on 1,000 streams hold no memory for them", async () => {
    const client = await RawClient.open(server.address);
    const before = heldMemoryBytes();
    const promise = message(Buffer.alloc(0));
    promise.writeUInt32BE(2 * MiB, 1);
    for (let i = 0; i < 1000; i++) {
      client.send(openCall(streamOf(i), HELD), dataFrame(streamOf(i), promise));
    }
    await server.until("the streams", () => server.streams.length === 1000);
    await alive(client);
    expect(heldMemoryBytes() - before).toBeLessThan(8 * MiB);
    await serveHealthy();
    client.destroy();
  });

  test("a client that asks and never reads is held back by windows, and served once it reads", async () => {
    const client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    const before = heldMemoryBytes();
    const request = Buffer.alloc(8 * 1024, 1);
    const bodyBytes = message(request).length;
    const burstCalls = 32;
    let sent = 0;
    // As much as the server lets us, at most 128 MiB: it must say stop long before.
    while (sent < 16 * 1024 && grantedBytes(client) >= (sent + burstCalls) * bodyBytes) {
      const calls = Array.from({ length: burstCalls }, () =>
        unaryCall(streamOf(sent++), ECHO, request),
      );
      await client.flood(Buffer.concat(calls));
      if (sent % 512 === 0) await serveHealthy();
    }
    await alive(client);
    expect(sent).toBeLessThan(16 * 1024);
    expect(heldMemoryBytes() - before).toBeLessThan(64 * MiB);
    client.keepFrames = false;
    let ends = 0;
    const all = client.next("every answer", ({ type, flags }) => {
      if (type === FrameType.headers && (flags & Flag.endStream) !== 0) ends++;
      return ends === sent;
    });
    client.send(settingsFrame([Setting.initialWindowSize, MiB]), windowUpdateFrame(0, 2 ** 30));
    await all;
    client.destroy();
  });

  test("answers that a client's kernel does not take are bounded, whatever they are", async () => {
    const client = await RawClient.open(server.address);
    client.pause();
    const { counters } = server.listener;
    const failed = counters.connectionsFailed;
    const before = heldMemoryBytes();
    const fields = block(grpcFields("/test.Dummy/Nothing"));
    let sent = 0;
    while (sent < 400_000 && counters.connectionsFailed === failed) {
      const burst: Buffer[] = [];
      for (let i = 0; i < 1000; i++) {
        burst.push(headersFrame(streamOf(sent++), fields, { end: true }));
      }
      await client.flood(Buffer.concat(burst));
      await serveHealthy();
    }
    expect(counters.connectionsFailed).toBe(failed + 1);
    expect(heldMemoryBytes() - before).toBeLessThan(32 * MiB);
    const open = counters.connectionsOpen;
    server.time.advance(1000);
    await server.until("the end", () => counters.connectionsOpen === open - 1);
    client.destroy();
  });

  test("a paused stream fed with single bytes costs little time and memory", async () => {
    const client = await RawClient.open(server.address);
    client.send(openCall(1, HELD));
    await server.until("the stream", () => server.streams.length === 1);
    const held = server.streams[0]!;
    held.call.pauseRequests(true);
    const before = heldMemoryBytes();
    const bytes = message(Buffer.alloc(200_000, 3));
    await client.flood(singleBytes(1, bytes));
    await alive(client);
    expect(heldMemoryBytes() - before).toBeLessThan(8 * MiB);
    held.call.pauseRequests(false);
    await server.until("the message", () => held.messages.length === 1);
    expect(held.messages[0]!.equals(bytes.subarray(5))).toBe(true);
    client.destroy();
  });

  test("a body of single bytes costs little more than its length", async () => {
    const client = await RawClient.open(server.address);
    const before = heldMemoryBytes();
    client.send(headersFrame(1, block([[":method", "POST"], ...GET.slice(1)])));
    await client.flood(singleBytes(1, Buffer.alloc(200_000, 3)));
    await alive(client);
    expect(heldMemoryBytes() - before).toBeLessThan(8 * MiB);
    client.destroy();
  });

  /** Every byte in a DATA frame of its own. */
  function singleBytes(streamId: number, bytes: Buffer): Buffer {
    const one = dataFrame(streamId, Buffer.alloc(1));
    const frames = Buffer.alloc(one.length * bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      frames.set(one, i * one.length);
      frames[(i + 1) * one.length - 1] = bytes[i]!;
    }
    return frames;
  }

  /** What the server has allowed for DATA of the whole connection. */
  function grantedBytes(client: RawClient): number {
    const grants = client.received.filter(
      ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 0,
    );
    return grants.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 65_535);
  }

  test("an idle stream costs little: 10,000 of them stay under 40 MiB", async () => {
    const client = await RawClient.open(server.address);
    const before = heldMemoryBytes();
    for (let i = 0; i < 10_000; i++) client.send(openCall(streamOf(i), HELD));
    await server.until("the streams", () => server.streams.length === 10_000, 10_000);
    expect(heldMemoryBytes() - before).toBeLessThan(40 * MiB);
    client.destroy();
    await server.until("the cancels", () => server.streams.every((held) => held.isCancelled));
  });
});

describe("streams above the limit", () => {
  test("they are refused, and a client that goes on for ever is cut", async () => {
    const small = await DummyServer.start({ maxConcurrentStreams: 100 });
    const client = await RawClient.open(small.address);
    expect(client.settings.get(Setting.maxConcurrentStreams)).toBe(100);
    for (let i = 0; i < 100; i++) client.send(openCall(streamOf(i), HELD));
    client.send(openCall(streamOf(100), HELD));
    const refused = await client.next("RST_STREAM", ({ type }) => type === FrameType.rstStream);
    expect(refused.streamId).toBe(streamOf(100));
    expect(refused.payload.readUInt32BE(0)).toBe(ErrorCode.refusedStream);
    expect(small.streams).toHaveLength(100);
    client.send(rstStreamFrame(1, ErrorCode.cancel), openCall(streamOf(101), HELD));
    await small.until("the freed place to be taken", () => small.streams.length === 101);
    let sent = 102;
    while (!client.isClosed && sent < FLOOD_FRAMES_MAX && goawayOf(client) === undefined) {
      const burst: Buffer[] = [];
      for (let i = 0; i < BURST_FRAMES; i++) burst.push(openCall(streamOf(sent++), HELD));
      await client.flood(Buffer.concat(burst));
      await alive(healthy);
      await serveHealthy();
    }
    expect(goawayOf(client)).toBe(ErrorCode.enhanceYourCalm);
    small.time.advance(1000);
    await client.closed();
    await small.stop();
  });
});

describe("clients that are slow on purpose", () => {
  async function expectClosedAfter(client: RawClient, waitMs: number): Promise<void> {
    server.time.advance(waitMs);
    server.time.advance(1000);
    await client.closed();
  }

  /** Lets the bytes sent so far reach the server: a later call of another client is answered. */
  async function settle(): Promise<void> {
    await serveHealthy();
    await serveHealthy();
  }

  test("a connection that says nothing is closed after 5 s", async () => {
    const client = await RawClient.bare(server.address);
    await settle();
    server.time.advance(4900);
    await serveHealthy();
    expect(client.isClosed).toBe(false);
    await expectClosedAfter(client, 200);
  });

  test("500 half prefaces are all closed", async () => {
    const { counters } = server.listener;
    const accepted = counters.connectionsAccepted;
    const clients = await Promise.all(
      Array.from({ length: 500 }, async () => await RawClient.bare(server.address)),
    );
    for (const client of clients) client.send(PREFACE.subarray(0, 12));
    // The kernel connects sooner than the server accepts, and only then the time begins.
    await server.until("all", () => counters.connectionsAccepted === accepted + clients.length);
    server.time.advance(5100);
    await Promise.all(clients.map(async (client) => await client.closed()));
  });

  test("a preface without SETTINGS is closed", async () => {
    const client = await RawClient.bare(server.address);
    client.send(PREFACE);
    await settle();
    await expectClosedAfter(client, 5100);
  });

  test("a header block that never ends is closed after 10 s", async () => {
    const client = await RawClient.open(server.address);
    client.send(headersFrame(1, block(GET), { end: true, endHeaders: false }));
    await settle();
    await expectClosedAfter(client, 10_100);
  });

  test("a unary request that never ends is reset after 30 s, and only that", async () => {
    const client = await RawClient.open(server.address);
    client.send(openCall(1, ECHO), dataFrame(1, Buffer.alloc(3)));
    client.send(openCall(3, HELD));
    await server.until("the stream", () => server.streams.length === 1);
    await settle();
    server.time.advance(30_100);
    const end = await client.next("the end of stream 1", ({ streamId }) => streamId === 1);
    expect([FrameType.rstStream, FrameType.headers]).toContain(end.type);
    await alive(client);
    expect(server.streams[0]!.isCancelled).toBe(false);
    client.destroy();
  });
});
