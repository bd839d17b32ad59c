import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ended, streamError } from "./conformance.ts";
import { DummyServer } from "./dummy-server.ts";
import { ErrorCode, FrameType } from "./frames.ts";
import { answer, openCall, unaryCall } from "./grpc.ts";
import { type Frame, RawClient } from "./raw-client.ts";

const GRACE_MS = 5000;
/** A GOAWAY of the last possible stream only announces that another will follow (RFC 9113 6.8). */
const ANNOUNCED = 2 ** 31 - 1;
const HELLO = Buffer.from("hello");

let server: DummyServer;
let client: RawClient;
beforeEach(async () => {
  server = await DummyServer.start();
  client = await RawClient.open(server.address);
});
afterEach(async () => {
  client.destroy();
  await server.stop();
});

async function finalGoaway(): Promise<Frame> {
  const goaway = await client.next(
    "the final GOAWAY",
    ({ type, payload }) => type === FrameType.goaway && payload.readUInt32BE(0) !== ANNOUNCED,
  );
  expect(goaway.payload.readUInt32BE(4)).toBe(ErrorCode.noError);
  return goaway;
}

describe("draining", () => {
  test("an idle connection is told, and closed", async () => {
    const drained = server.listener.drain(GRACE_MS);
    await finalGoaway();
    await client.closed();
    await drained;
  });

  test("a call under way is answered before its connection closes", async () => {
    client.send(unaryCall(1, "/test.Dummy/Hold", HELLO));
    await server.until("the call", () => server.held.length === 1);
    const drained = server.listener.drain(GRACE_MS);
    const goaway = await finalGoaway();
    expect(goaway.payload.readUInt32BE(0)).toBe(1);
    server.held[0]!.reply(HELLO);
    expect((await answer(client, 1)).messages).toEqual([HELLO]);
    await client.closed();
    await drained;
  });

  test("a stream opened after GOAWAY is not served", async () => {
    client.send(unaryCall(1, "/test.Dummy/Hold", HELLO));
    await server.until("the call", () => server.held.length === 1);
    const drained = server.listener.drain(GRACE_MS);
    await finalGoaway();
    client.send(openCall(3, "/test.Dummy/Held"));
    await streamError(client, 3, ErrorCode.refusedStream);
    server.held[0]!.reply(HELLO);
    await ended(client, 1);
    await client.closed();
    await drained;
    expect(server.streams).toHaveLength(0);
  });

  test("streams are cut with UNAVAILABLE once the grace is over", async () => {
    client.send(openCall(1, "/test.Dummy/Held"));
    await server.until("the stream", () => server.streams.length === 1);
    server.streams[0]!.call.send(HELLO);
    const drained = server.listener.drain(GRACE_MS);
    await finalGoaway();
    expect(server.streams[0]!.isCancelled).toBe(false);
    server.time.advance(GRACE_MS + 1);
    const cut = await answer(client, 1);
    expect(cut).toMatchObject({ status: 14, messages: [HELLO] });
    server.time.advance(GRACE_MS);
    await client.closed();
    await drained;
    expect(server.streams[0]!.isCancelled).toBe(true);
  });

  test("a client that does not react cannot hold up the end", async () => {
    client.send(openCall(1, "/test.Dummy/Held"));
    await server.until("the stream", () => server.streams.length === 1);
    client.pause();
    const drained = server.listener.drain(GRACE_MS);
    for (let i = 0; i < 10; i++) server.time.advance(GRACE_MS);
    await drained;
  });

  test("nobody can connect any more", async () => {
    await server.listener.drain(GRACE_MS);
    await expect(RawClient.open(server.address)).rejects.toThrow("ECONNREFUSED");
  });
});
