import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { alive, ended } from "./conformance.ts";
import { DummyServer } from "./dummy-server.ts";
import {
  dataFrame,
  ErrorCode,
  Flag,
  FrameType,
  pingFrame,
  priorityFrame,
  rstStreamFrame,
  Setting,
  windowUpdateFrame,
} from "./frames.ts";
import { answer, message, openCall, unaryCall } from "./grpc.ts";
import { RawClient } from "./raw-client.ts";

/**
 * What working clients do all day. Time stands still in most of these, so nothing is forgiven by
 * waiting: a limit that such traffic can reach would cut it here.
 */
const ECHO = "/test.Dummy/Echo";
const HELD = "/test.Dummy/Held";

let server: DummyServer;
let client: RawClient;
beforeAll(async () => {
  server = await DummyServer.start();
});
afterAll(async () => await server.stop());
beforeEach(async () => {
  server.streams.length = 0;
  client = await RawClient.open(server.address, [Setting.initialWindowSize, 2 ** 20]);
  client.send(windowUpdateFrame(0, 2 ** 30));
});
afterEach(() => client.destroy());

const streamOf = (i: number): number => i * 2 + 1;

describe("busy clients are not cut", () => {
  test("10,000 streams at once are all served", async () => {
    const count = 10_000;
    for (let i = 0; i < count; i += 100) {
      const opening = Array.from({ length: 100 }, (_, j) => openCall(streamOf(i + j), HELD));
      await client.flood(Buffer.concat(opening));
    }
    await server.until("all streams", () => server.streams.length === count, 10_000);
    const seen = new Set<number>();
    client.keepFrames = false;
    const all = client.next(
      "a message on every stream",
      ({ type, streamId }) => {
        if (type === FrameType.data) seen.add(streamId);
        return seen.size === count;
      },
      10_000,
    );
    for (const held of server.streams) held.call.send(Buffer.from("to each"));
    await all;
    client.keepFrames = true;
    await alive(client);
  });

  test("5,000 calls with two WINDOW_UPDATEs and often a PING per answer, as Go's client", async () => {
    const rounds = 100;
    const callers = 50;
    const bytes = Buffer.alloc(100, 1);
    for (let round = 0; round < rounds; round++) {
      const first = round * callers;
      const calls = Array.from({ length: callers }, (_, i) =>
        unaryCall(streamOf(first + i), ECHO, bytes),
      );
      client.send(...calls);
      for (let i = 0; i < callers; i++) {
        const streamId = streamOf(first + i);
        await ended(client, streamId);
        client.send(windowUpdateFrame(0, 105), windowUpdateFrame(streamId, 105));
        if (i % 4 === 0) client.send(pingFrame());
      }
      expect(client.received.some(({ type }) => type === FrameType.goaway)).toBe(false);
      client.received.length = 0;
    }
    await alive(client);
  });

  test("a watcher that grants each event's window back, one by one", async () => {
    client.send(openCall(1, HELD));
    await server.until("the stream", () => server.streams.length === 1);
    const held = server.streams[0]!;
    for (let i = 0; i < 3000; i++) {
      held.call.send(Buffer.alloc(50, i));
      await client.next("an event", ({ type }) => type === FrameType.data);
      client.send(windowUpdateFrame(1, 55), windowUpdateFrame(0, 55));
      client.received.length = 0;
    }
    await alive(client);
  });

  test("1,000 watches opened and reset, one each 100 ms", async () => {
    for (let i = 0; i < 1000; i++) {
      client.send(openCall(streamOf(i), HELD));
      await server.until("the stream", () => server.streams.length === i + 1);
      server.streams[i]!.call.send(Buffer.from("created"));
      server.time.advance(100);
      client.send(rstStreamFrame(streamOf(i), ErrorCode.cancel));
    }
    await alive(client);
  });

  test("3,000 watches that have been open a while are all reset in one go", async () => {
    const count = 3000;
    for (let i = 0; i < count; i++) client.send(openCall(streamOf(i), HELD));
    await server.until("the streams", () => server.streams.length === count, 10_000);
    server.time.advance(1000);
    const resets = Array.from({ length: count }, (_, i) =>
      rstStreamFrame(streamOf(i), ErrorCode.cancel),
    );
    client.send(...resets);
    await server.until("the cancels", () => server.streams.every((held) => held.isCancelled));
    await alive(client);
  });

  test("20,000 small messages on one stream", async () => {
    client.send(openCall(1, "/test.Dummy/EchoStream"));
    const count = 20_000;
    let bytes = 0;
    client.keepFrames = false;
    const all = client.next(
      "every echo",
      ({ type, payload }) => {
        if (type === FrameType.data) bytes += payload.length;
        return bytes === count * 15;
      },
      10_000,
    );
    const one = dataFrame(1, message(Buffer.alloc(10, 4)));
    for (let i = 0; i < count; i += 200) {
      await client.flood(Buffer.concat(Array<Buffer>(200).fill(one)));
      client.send(windowUpdateFrame(1, 200 * 15));
    }
    await all;
    client.keepFrames = true;
    await alive(client);
  });

  test("the PRIORITY frames that some clients begin with", async () => {
    for (let i = 0; i < 6; i++)
      client.send(priorityFrame(streamOf(i), { dependsOn: 0, weight: 100 }));
    client.send(unaryCall(13, ECHO, Buffer.from("after")));
    expect((await answer(client, 13)).messages).toEqual([Buffer.from("after")]);
  });
});

describe("server pings", () => {
  test("an idle connection is asked for a sign of life after two hours", async () => {
    server.time.advance(2 * 3600 * 1000 + 1000);
    const ping = await client.next(
      "PING",
      ({ type, flags }) => type === FrameType.ping && (flags & Flag.ack) === 0,
    );
    expect(ping.payload).toHaveLength(8);
    await alive(client);
    server.time.advance(30_000);
    await alive(client);
  });

  test("one that gives none within 20 s is closed", async () => {
    client.answersPings = false;
    server.time.advance(2 * 3600 * 1000 + 1000);
    await client.next("PING", ({ type }) => type === FrameType.ping);
    server.time.advance(20_100);
    server.time.advance(1000);
    await client.closed();
  });
});
