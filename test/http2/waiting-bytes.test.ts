import { afterEach, beforeEach, expect, test } from "vitest";
import { TIGHT_BYTES_MAX } from "../../src/transport/http2/limits.ts";
import { alive } from "./conformance.ts";
import { DummyServer, type HeldStream } from "./dummy-server.ts";
import { FrameType, Setting, settingsFrame, windowUpdateFrame } from "./frames.ts";
import { answer, openCall, unaryCall } from "./grpc.ts";
import { type Frame, RawClient } from "./raw-client.ts";

const KiB = 1024;
const MAX: number = 1024 * KiB;
const PIECE_BYTES: number = 4 * KiB;
const BODY: Buffer = Buffer.alloc(PIECE_BYTES - 5);
const NOTHING = new Uint8Array(0);

let server: DummyServer;
let clients: RawClient[];
beforeEach(async () => {
  clients = [];
  server = await DummyServer.start({ waitingBytesMax: MAX });
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await server.stop();
});

async function client(...settings: readonly (readonly [number, number])[]): Promise<RawClient> {
  const opened = await RawClient.open(server.address, ...settings);
  clients.push(opened);
  return opened;
}

/** A client with so many streams that reads nothing. */
async function still(count: number): Promise<readonly HeldStream[]> {
  const opened = await client([Setting.initialWindowSize, 0]);
  const before = server.streams.length;
  for (let i = 0; i < count; i++) opened.send(openCall(i * 2 + 1, "/test.Dummy/Held"));
  await server.until("the streams", () => server.streams.length === before + count);
  return server.streams.slice(before);
}

/** Offers to each as much as it takes; returns how much that was. */
function fill(streams: readonly HeldStream[]): number {
  let taken = 0;
  for (const { call } of streams) while (call.offer(NOTHING, 0, BODY)) taken += PIECE_BYTES;
  return taken;
}

test("clients that read nothing hold a bounded amount together, and give it back", async () => {
  let taken = 0;
  for (let i = 0; i < 20; i++) taken += fill(await still(10));
  expect(taken).toBeGreaterThan(MAX);
  // The last piece of each may come on top of what a stream may have waiting.
  expect(taken).toBeLessThan(MAX + 64 * KiB);
  expect(Math.abs(server.listener.waitingBytes - taken)).toBeLessThan(64 * KiB);
  for (const each of clients) each.destroy();
  await server.until("their end", () => server.streams.every(({ isCancelled }) => isCancelled));
  expect(server.listener.waitingBytes).toBe(0);
});

test("a client that reads gets its messages and answers meanwhile", async () => {
  for (let i = 0; i < 20; i++) fill(await still(10));
  const healthy = await client([Setting.initialWindowSize, 2 ** 30]);
  healthy.send(windowUpdateFrame(0, 2 ** 30));
  healthy.send(openCall(1, "/test.Dummy/Held"));
  await server.until("the stream", () => server.streams.length === 201);
  const held = server.streams[200]!;
  let bytes = 0;
  const count = ({ type, payload }: Frame): boolean => {
    if (type === FrameType.data) bytes += payload.length;
    return bytes >= 100 * PIECE_BYTES;
  };
  const all = healthy.next("all messages", count);
  let sent = 0;
  while (sent < 100) {
    while (sent < 100 && held.call.offer(NOTHING, 0, BODY)) sent++;
    await alive(healthy);
  }
  await all;
  healthy.send(unaryCall(3, "/test.Dummy/Echo", Buffer.of(7)));
  expect((await answer(healthy, 3)).status).toBe(0);
});

test("requests of a client that reads no answers wait sooner than in other times", async () => {
  const request = Buffer.alloc(8 * KiB);
  const stalled = async (): Promise<RawClient> => {
    const opened = await client([Setting.initialWindowSize, 0]);
    for (let i = 0; i < 40; i++) opened.send(unaryCall(i * 2 + 1, "/test.Dummy/Echo", request));
    await alive(opened);
    return opened;
  };
  const first = await stalled();
  const waitsAtFirst = server.listener.waitingBytes;
  expect(waitsAtFirst).toBeGreaterThan(40 * 8 * KiB);
  for (let i = 0; i < 20; i++) fill(await still(10));
  const before = server.listener.waitingBytes;
  const late = await stalled();
  expect(server.listener.waitingBytes - before).toBeLessThan(TIGHT_BYTES_MAX + 2 * request.length);
  // Who reads gets all of them all the same.
  for (const each of [first, late]) {
    each.send(settingsFrame([Setting.initialWindowSize, 2 ** 30]), windowUpdateFrame(0, 2 ** 30));
    for (let i = 0; i < 40; i++) expect((await answer(each, i * 2 + 1)).status).toBe(0);
  }
});
