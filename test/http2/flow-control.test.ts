import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { alive, connectionError, nextData, streamError } from "./conformance.ts";
import { DummyServer, type HeldStream } from "./dummy-server.ts";
import {
  dataFrame,
  ErrorCode,
  FrameType,
  paddedDataFrame,
  rstStreamFrame,
  Setting,
  settingsFrame,
  windowUpdateFrame,
} from "./frames.ts";
import { answer, bodyFrames, message, openCall, splitMessages, unaryCall } from "./grpc.ts";
import { RawClient } from "./raw-client.ts";

const KiB = 1024;
const WINDOW_BYTES = 65_535;
const WIDE = 2 ** 30;
const HEAD = Buffer.alloc(16);

let server: DummyServer;
let client: RawClient;
beforeAll(async () => {
  server = await DummyServer.start();
});
afterAll(async () => await server.stop());
beforeEach(() => void (server.streams.length = 0));
afterEach(() => client.destroy());

/** Streams 1, 3, 5, … that the test answers by hand. */
async function openHeld(count: number): Promise<readonly HeldStream[]> {
  for (let i = 0; i < count; i++) client.send(openCall(i * 2 + 1, "/test.Dummy/Held"));
  await server.until("the streams", () => server.streams.length === count);
  return server.streams;
}

function dataOf(streamId: number): Buffer {
  const frames = client.received.filter(
    (frame) => frame.type === FrameType.data && frame.streamId === streamId,
  );
  return Buffer.concat(frames.map(({ payload }) => payload));
}

/** What has come on a stream once everything that could be sent has been. */
async function settledData(streamId: number): Promise<number> {
  await alive(client);
  return dataOf(streamId).length;
}

async function untilData(streamId: number, bytes: number): Promise<void> {
  while (dataOf(streamId).length < bytes) await nextData(client, streamId);
}

describe("sending within the client's windows", () => {
  test("a window of 0 sends nothing until it opens", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    const [held] = await openHeld(1);
    held!.call.send(Buffer.from("waiting"));
    expect(await settledData(1)).toBe(0);
    client.send(windowUpdateFrame(1, 100));
    expect(splitMessages((await nextData(client, 1)).payload)).toEqual([Buffer.from("waiting")]);
  });

  test("one byte of window at a time brings a whole message", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    const [held] = await openHeld(1);
    held!.call.send(Buffer.from("by drops"));
    const total = message(Buffer.from("by drops")).length;
    for (let i = 1; i <= total; i++) {
      client.send(windowUpdateFrame(1, 1));
      expect((await nextData(client, 1)).payload).toHaveLength(1);
    }
    expect(splitMessages(dataOf(1))).toEqual([Buffer.from("by drops")]);
  });

  test("a window made negative by SETTINGS is paid back before anything is sent", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 1000]);
    const [held] = await openHeld(1);
    held!.call.send(Buffer.alloc(5000));
    await untilData(1, 1000);
    client.send(settingsFrame([Setting.initialWindowSize, 10]));
    await client.settingsAck();
    client.send(windowUpdateFrame(1, 990));
    expect(await settledData(1)).toBe(1000);
    client.send(windowUpdateFrame(1, 3));
    expect((await nextData(client, 1)).payload).toBeDefined();
    expect(await settledData(1)).toBe(1003);
  });

  test("the connection's window holds all streams together", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const streams = await openHeld(3);
    for (const held of streams) held.call.send(Buffer.alloc(50 * KiB));
    await untilAll(WINDOW_BYTES);
    expect(await settledAll()).toBe(WINDOW_BYTES);
    client.send(windowUpdateFrame(0, 3 * 50 * KiB + 15 - WINDOW_BYTES));
    for (const streamId of [1, 3, 5]) await untilData(streamId, 50 * KiB + 5);
  });

  test("small messages and answers stop at the connection's window too", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const [held] = await openHeld(1);
    for (let i = 0; i < 700; i++) held!.call.send(Buffer.alloc(95, i));
    await untilAll(WINDOW_BYTES);
    client.send(unaryCall(3, "/test.Dummy/Echo", Buffer.from("behind")));
    expect(await settledAll()).toBe(WINDOW_BYTES);
    client.send(windowUpdateFrame(0, WIDE));
    expect((await answer(client, 3)).messages).toEqual([Buffer.from("behind")]);
    await untilData(1, 70_000);
    expect(splitMessages(dataOf(1))).toHaveLength(700);
  });

  test("one large grant is shared, not given to whoever waits first", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const streams = await openHeld(4);
    for (const held of streams) held.call.send(Buffer.alloc(400 * KiB));
    await untilAll(WINDOW_BYTES);
    client.send(windowUpdateFrame(0, 256 * KiB));
    await untilAll(WINDOW_BYTES + 256 * KiB);
    const shares = [1, 3, 5, 7].map((streamId) => dataOf(streamId).length);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(128 * KiB);
  });

  test("streams that wait for the connection's window get fair shares of it", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const streams = await openHeld(4);
    for (const held of streams) held.call.send(Buffer.alloc(400 * KiB));
    for (let i = 0; i < 16; i++) client.send(windowUpdateFrame(0, 32 * KiB));
    const total = WINDOW_BYTES + 16 * 32 * KiB;
    await untilAll(total);
    const shares = [1, 3, 5, 7].map((streamId) => dataOf(streamId).length);
    // A quarter each; whoever came first is at most a few turns ahead.
    for (const share of shares) expect(Math.abs(share - total / 4)).toBeLessThan(64 * KiB);
  });

  test("a stream without window does not hold up the others", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    const [stalled, other] = await openHeld(2);
    stalled!.call.send(Buffer.alloc(200 * KiB));
    other!.call.send(Buffer.from("through"));
    client.send(windowUpdateFrame(3, 1000));
    expect(splitMessages((await nextData(client, 3)).payload)).toEqual([Buffer.from("through")]);
    client.send(unaryCall(5, "/test.Dummy/Echo", Buffer.from("me too")), windowUpdateFrame(5, 100));
    expect((await answer(client, 5)).messages).toEqual([Buffer.from("me too")]);
    expect(dataOf(1)).toHaveLength(0);
  });

  test("streams that lie still do not hold up the calls and watches beside them", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    client.send(windowUpdateFrame(0, WIDE));
    const streams = await openHeld(41);
    const body = Buffer.alloc(KiB * KiB, 1);
    // Each takes what it may: 40 MiB if nothing says no.
    for (const held of streams.slice(0, 40)) held.call.offer(HEAD, 0, body);
    client.send(
      unaryCall(101, "/test.Dummy/Echo", Buffer.from("call")),
      windowUpdateFrame(101, 100),
    );
    expect((await answer(client, 101)).messages).toEqual([Buffer.from("call")]);
    client.send(windowUpdateFrame(81, 10_000));
    await alive(client);
    const watch = streams[40]!;
    for (let i = 0; i < 5; i++) {
      expect(watch.call.offer(HEAD, 1, Buffer.from(`event ${i}`))).toBe(true);
      await nextData(client, 81);
    }
    client.send(dataFrame(81, message(Buffer.from("a request"))));
    await server.until("the request", () => watch.messages.length === 1);
  });

  async function untilAll(bytes: number): Promise<void> {
    let sum = sumOfData();
    while (sum < bytes) {
      await client.next("more DATA", ({ type }) => type === FrameType.data);
      sum = sumOfData();
    }
  }

  function sumOfData(): number {
    const frames = client.received.filter(({ type }) => type === FrameType.data);
    return frames.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  async function settledAll(): Promise<number> {
    await alive(client);
    return sumOfData();
  }
});

describe("offers", () => {
  test("offers are refused while the client does not read, and drained says when to go on", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 1000]);
    const [held] = await openHeld(1);
    const body = Buffer.alloc(10 * KiB, 1);
    let taken = 0;
    while (taken < 1000 && held!.call.offer(HEAD, 0, body)) taken++;
    expect(taken).toBeGreaterThanOrEqual(1);
    expect(taken).toBeLessThan(10);
    expect(held!.call.writable).toBe(false);
    await alive(client);
    expect(held!.drainedCount).toBe(0);
    client.send(windowUpdateFrame(1, taken * (10 * KiB + 5)));
    await server.until("drained", () => held!.drainedCount > 0);
    expect(held!.drainedCount).toBe(1);
    expect(held!.call.writable).toBe(true);
    expect(held!.call.offer(HEAD, 0, body)).toBe(true);
    await untilData(1, taken * (10 * KiB + 5));
  });

  test("an offer of any size is taken by a stream on which nothing waits", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    client.send(windowUpdateFrame(0, WIDE));
    const [held] = await openHeld(1);
    const body = Buffer.alloc(3 * KiB * KiB, 9);
    expect(held!.call.offer(HEAD, 16, body)).toBe(true);
    await untilData(1, body.length + 16 + 5);
    expect(splitMessages(dataOf(1))[0]!.subarray(16).equals(body)).toBe(true);
  });

  test("a socket that takes no more refuses every stream, and each is told when it does", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    client.send(windowUpdateFrame(0, WIDE));
    const streams = await openHeld(3);
    client.pause();
    const body = Buffer.alloc(256 * KiB);
    // A turn after each round, so that what was taken leaves for the socket.
    for (let i = 0; i < 200 && streams.some(({ call }) => call.writable); i++) {
      for (const held of streams) held.call.offer(HEAD, 0, body);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect(streams.some(({ call }) => call.writable)).toBe(false);
    const before = streams.map(({ drainedCount }) => drainedCount);
    client.resume();
    await server.until("drained", () =>
      streams.every(({ drainedCount }, i) => drainedCount === before[i]! + 1),
    );
    for (const held of streams) expect(held.call.offer(HEAD, 1, Buffer.from("more"))).toBe(true);
  });

  test("drained is never called from inside an offer", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    client.send(windowUpdateFrame(0, WIDE));
    const [held] = await openHeld(1);
    const body = Buffer.alloc(64 * KiB);
    for (let i = 0; i < 1000 && held!.call.offer(HEAD, 0, body); i++) {
      expect(held!.drainedCount).toBe(0);
    }
    expect(held!.drainedCount).toBe(0);
    await server.until("drained", () => held!.drainedCount === 1);
  });

  test("send is taken even when an offer is not, and goes out first when there is room", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, 0]);
    const [held] = await openHeld(1);
    let taken = 0;
    while (taken < 1000 && held!.call.offer(HEAD, 0, Buffer.alloc(8 * KiB, 1))) taken++;
    expect(taken).toBeLessThan(1000);
    held!.call.send(Buffer.from("control"));
    client.send(windowUpdateFrame(1, WIDE));
    await server.until("drained", () => held!.drainedCount === 1);
    held!.call.offer(HEAD, 0, Buffer.from("later"));
    held!.call.end(0, "");
    const messages = (await answer(client, 1)).messages;
    expect(messages.slice(-2).map(String)).toEqual(["control", "later"]);
  });

  test("a cancelled stream drops what waited on it and gives the window to others", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const [first, second] = await openHeld(2);
    first!.call.send(Buffer.alloc(500 * KiB));
    await untilData(1, WINDOW_BYTES);
    second!.call.send(Buffer.from("next"));
    first!.call.end(0, "");
    client.send(rstStreamFrame(1, ErrorCode.cancel), windowUpdateFrame(0, 1000));
    expect(splitMessages((await nextData(client, 3)).payload)).toEqual([Buffer.from("next")]);
    expect(dataOf(1)).toHaveLength(WINDOW_BYTES);
  });
});

describe("frames sent", () => {
  test("a large message is cut at the client's largest frame", async () => {
    client = await RawClient.open(
      server.address,
      [Setting.initialWindowSize, WIDE],
      [Setting.maxFrameSize, 20_000],
    );
    client.send(windowUpdateFrame(0, WIDE));
    const [held] = await openHeld(1);
    held!.call.send(Buffer.alloc(100_000, 3));
    await untilData(1, 100_005);
    const sizes = client.received
      .filter(({ type }) => type === FrameType.data)
      .map(({ payload }) => payload.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(20_000);
    expect(sizes.length).toBeLessThan(20);
  });

  test("what one turn sends on many streams arrives as one piece", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    const streams = await openHeld(100);
    await alive(client);
    client.chunks.length = 0;
    for (const held of streams) {
      for (let i = 0; i < 10; i++) held.call.send(Buffer.alloc(20, i));
    }
    for (let i = 0; i < 100; i++) await untilData(i * 2 + 1, 250);
    // 34 KB: one write of the server, which the kernel may hand over in a few pieces.
    expect(client.chunks.length).toBeLessThan(10);
  });
});

describe("receiving within our windows", () => {
  test("a client that keeps to the windows never stalls", async () => {
    client = await RawClient.open(server.address);
    const [held] = await openHeld(1);
    let window = client.settings.get(Setting.initialWindowSize) ?? WINDOW_BYTES;
    const body = message(Buffer.alloc(1900 * KiB, 5));
    const total = 3;
    for (let sent = 0; sent < total * body.length; ) {
      while (window === 0) {
        const grant = await client.next(
          "a grant for the stream",
          ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1,
        );
        window += grant.payload.readUInt32BE(0);
      }
      const at = sent % body.length;
      const size = Math.min(window, 16 * KiB, body.length - at);
      client.send(dataFrame(1, body.subarray(at, at + size)));
      window -= size;
      sent += size;
    }
    await server.until("all messages", () => held!.messages.length === total);
  });

  test("the connection's window is given back by whole calls", async () => {
    client = await RawClient.open(server.address, [Setting.initialWindowSize, WIDE]);
    client.send(windowUpdateFrame(0, WIDE));
    const bytes = Buffer.alloc(16_000, 1);
    const round = 100;
    // 64 MB: more than any window that the server announces.
    for (let i = 0; i < 40; i++) {
      const calls = Array.from({ length: round }, (_, j) =>
        unaryCall((i * round + j) * 2 + 1, "/test.Dummy/Echo", bytes),
      );
      client.send(...calls);
      await answer(client, ((i + 1) * round - 1) * 2 + 1);
      client.received.length = 0;
    }
    await alive(client);
  });

  test("padding counts, and is given back", async () => {
    client = await RawClient.open(server.address);
    const window = client.settings.get(Setting.initialWindowSize) ?? WINDOW_BYTES;
    const [held] = await openHeld(1);
    const count = Math.ceil((window * 1.5) / 257);
    const body = message(Buffer.alloc(count - 5));
    let granted = window;
    for (let i = 0; i < count; i++) {
      while (granted < 257) {
        const grant = await client.next(
          "a grant for the stream",
          ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1,
        );
        granted += grant.payload.readUInt32BE(0);
      }
      granted -= 257;
      client.send(paddedDataFrame(1, body.subarray(i, i + 1), 255));
    }
    await server.until("the message", () => held!.messages.length === 1);
  });

  test("DATA beyond a stream's window is FLOW_CONTROL_ERROR", async () => {
    client = await RawClient.open(server.address);
    const [held] = await openHeld(1);
    held!.call.pauseRequests(true);
    const window = client.settings.get(Setting.initialWindowSize) ?? WINDOW_BYTES;
    client.send(bodyFrames(1, Buffer.alloc(window + 16 * KiB), false));
    await streamError(client, 1, ErrorCode.flowControlError);
  });

  test("what paused streams hold is not granted again, and beyond it is FLOW_CONTROL_ERROR of the connection", async () => {
    client = await RawClient.open(server.address);
    const stream = client.settings.get(Setting.initialWindowSize) ?? WINDOW_BYTES;
    const grants = client.received.filter(
      ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 0,
    );
    const connection = grants.reduce((sum, f) => sum + f.payload.readUInt32BE(0), WINDOW_BYTES);
    const count = Math.ceil(connection / stream) + 1;
    const streams = await openHeld(count);
    for (const held of streams) held.call.pauseRequests(true);
    const half = Buffer.concat([Buffer.from([0, 0, 0x1f, 0xff, 0xff]), Buffer.alloc(stream - 5)]);
    for (let i = 0; i < count; i++) await client.flood(bodyFrames(i * 2 + 1, half, false));
    await connectionError(client, ErrorCode.flowControlError);
  });

  test("a paused stream is granted no more than its window", async () => {
    client = await RawClient.open(server.address);
    const [held] = await openHeld(1);
    held!.call.pauseRequests(true);
    const window = client.settings.get(Setting.initialWindowSize) ?? WINDOW_BYTES;
    const small = message(Buffer.alloc(995));
    const count = Math.floor(window / small.length);
    for (let i = 0; i < count; i++) client.send(dataFrame(1, small));
    await alive(client);
    const granted = client.received.filter(
      ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1,
    );
    expect(granted).toEqual([]);
    held!.call.pauseRequests(false);
    await server.until("all messages", () => held!.messages.length === count);
    await client.next(
      "a grant after the pause",
      ({ type, streamId }) => type === FrameType.windowUpdate && streamId === 1,
    );
  });
});
