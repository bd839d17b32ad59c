import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { alive, answered, streamError } from "./conformance.ts";
import { DummyServer } from "./dummy-server.ts";
import { dataFrame, ErrorCode, FrameType, headersFrame, rstStreamFrame } from "./frames.ts";
import { type Answer, answer, grpcFields, message, openCall, unaryCall } from "./grpc.ts";
import { block, type Field } from "./hpack.ts";
import { RawClient } from "./raw-client.ts";

const ECHO = "/test.Dummy/Echo";
const HOLD = "/test.Dummy/Hold";
const FAIL = "/test.Dummy/Fail";
const ECHO_STREAM = "/test.Dummy/EchoStream";
const HELD = "/test.Dummy/Held";
const HELLO = Buffer.from("hello");
const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;

/** Codes of gRPC, by the names of its documentation. */
const Status = {
  ok: 0,
  deadlineExceeded: 4,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

let server: DummyServer;
let client: RawClient;
beforeAll(async () => {
  server = await DummyServer.start({ maxMessageBytes: MESSAGE_BYTES_MAX });
});
afterAll(async () => {
  await server.stop();
});
beforeEach(async () => {
  server.held.length = 0;
  server.streams.length = 0;
  client = await RawClient.open(server.address);
});
afterEach(() => client.destroy());

async function call(...parts: readonly Uint8Array[]): Promise<Answer> {
  client.send(...parts);
  return await answer(client, 1);
}

/** Opens a stream whose server side the test holds in its hands. */
async function openHeld(streamId: number, extra: readonly Field[] = []) {
  const before = server.streams.length;
  client.send(openCall(streamId, HELD, extra));
  await server.until("the stream to open", () => server.streams.length > before);
  return server.streams.at(-1)!;
}

describe("unary calls", () => {
  test("an answer is HEADERS, one message and trailers", async () => {
    const result = await call(unaryCall(1, ECHO, HELLO));
    expect(result).toMatchObject({ httpStatus: "200", status: Status.ok, isTrailersOnly: false });
    expect(result.contentType).toMatch(/^application\/grpc/);
    expect(result.messages).toEqual([HELLO]);
  });

  test("an empty message is a message", async () => {
    const result = await call(unaryCall(1, ECHO, Buffer.alloc(0)));
    expect(result).toMatchObject({ status: Status.ok, messages: [Buffer.alloc(0)] });
  });

  test.each(["application/grpc+proto", "application/grpc;charset=utf-8"])(
    "%s is gRPC too",
    async (contentType) => {
      const fields = grpcFields(ECHO).map(([name, value]): Field => {
        return [name, name === "content-type" ? contentType : value];
      });
      const result = await call(headersFrame(1, block(fields)), dataFrame(1, message(HELLO), true));
      expect(result).toMatchObject({ status: Status.ok, messages: [HELLO] });
    },
  );

  test("te may be absent", async () => {
    const fields = grpcFields(ECHO).filter(([name]) => name !== "te");
    const result = await call(headersFrame(1, block(fields)), dataFrame(1, message(HELLO), true));
    expect(result.status).toBe(Status.ok);
  });

  test("another content-type is not gRPC, and is answered as HTTP", async () => {
    const fields = grpcFields(ECHO).map(([name, value]): Field => {
      return [name, name === "content-type" ? "application/json" : value];
    });
    client.send(headersFrame(1, block(fields)), dataFrame(1, HELLO, true));
    const head = await answered(client, 1);
    expect(head.fields?.get("x-target")).toBe(ECHO);
    expect(head.fields?.get("grpc-status")).toBeUndefined();
  });

  test("answers come in the order they are ready, not asked for", async () => {
    client.send(unaryCall(1, HOLD, HELLO));
    await server.until("the call", () => server.held.length === 1);
    client.send(unaryCall(3, ECHO, HELLO));
    expect((await answer(client, 3)).status).toBe(Status.ok);
    server.held[0]!.reply(Buffer.from("late"));
    expect((await answer(client, 1)).messages).toEqual([Buffer.from("late")]);
  });

  test("the second answer to one call is void", async () => {
    client.send(unaryCall(1, HOLD, HELLO));
    await server.until("the call", () => server.held.length === 1);
    server.held[0]!.reply(Buffer.from("once"));
    server.held[0]!.reply(Buffer.from("twice"));
    server.held[0]!.fail(Status.internal, "thrice");
    expect(await answer(client, 1)).toMatchObject({
      status: Status.ok,
      messages: [Buffer.from("once")],
    });
    client.send(unaryCall(3, ECHO, HELLO));
    expect((await answer(client, 3)).status).toBe(Status.ok);
  });

  test("an answer to a call that the client has reset is void", async () => {
    client.send(unaryCall(1, HOLD, HELLO));
    await server.until("the call", () => server.held.length === 1);
    client.send(rstStreamFrame(1, ErrorCode.cancel));
    await alive(client);
    server.held[0]!.reply(HELLO);
    client.send(unaryCall(3, ECHO, HELLO));
    expect((await answer(client, 3)).status).toBe(Status.ok);
    expect(client.received.some(({ streamId }) => streamId === 1)).toBe(false);
  });

  test("headers are read by name in lower case, and absent ones are undefined", async () => {
    client.send(
      unaryCall(1, HOLD, HELLO, [
        ["token", "secret"],
        ["token", "second"],
      ]),
    );
    await server.until("the call", () => server.held.length === 1);
    const held = server.held[0]!;
    expect(held.header("token")).toBe("secret");
    expect(held.header("authorization")).toBeUndefined();
    expect(held.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    held.reply(HELLO);
    expect((await answer(client, 1)).status).toBe(Status.ok);
  });
});

describe("message framing", () => {
  test("a message is the same however its bytes are cut into DATA frames", async () => {
    const bytes = message(HELLO);
    let streamId = 1;
    for (let cut = 0; cut <= bytes.length; cut++) {
      client.send(
        openCall(streamId, ECHO),
        dataFrame(streamId, bytes.subarray(0, cut)),
        dataFrame(streamId, bytes.subarray(cut), true),
      );
      const result = await answer(client, streamId);
      expect(result).toMatchObject({ status: Status.ok, messages: [HELLO] });
      streamId += 2;
    }
  });

  test("a message is the same however the connection's bytes are cut", async () => {
    const bytes = unaryCall(1, ECHO, HELLO);
    for (const byte of bytes) await client.flood(Uint8Array.of(byte));
    expect(await answer(client, 1)).toMatchObject({ status: Status.ok, messages: [HELLO] });
  });

  test("END_STREAM may come in an empty DATA frame of its own", async () => {
    const result = await call(
      openCall(1, ECHO),
      dataFrame(1, message(HELLO)),
      dataFrame(1, Buffer.alloc(0), true),
    );
    expect(result).toMatchObject({ status: Status.ok, messages: [HELLO] });
  });

  test("several messages of one DATA frame, and one of several frames, keep their order", async () => {
    const sent = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i * 7, i));
    const bytes = Buffer.concat(sent.map((each) => message(each)));
    client.send(openCall(1, ECHO_STREAM));
    for (let at = 0; at < bytes.length; at += 97) {
      client.send(dataFrame(1, bytes.subarray(at, at + 97)));
    }
    client.send(dataFrame(1, Buffer.alloc(0), true));
    const result = await answer(client, 1);
    expect(result.messages).toEqual(sent);
    expect(result.status).toBe(Status.ok);
  });

  test("E80: a message over the limit is refused by its prefix alone", async () => {
    const prefix = Buffer.from([0, 0, 0x20, 0, 1]);
    const result = await call(openCall(1, ECHO), dataFrame(1, prefix));
    expect(result).toMatchObject({
      status: Status.resourceExhausted,
      text: "grpc: received message larger than max (2097153 vs. 2097152)",
    });
  });

  test("E80: a length of 4 GiB is refused in the same way, on streams as well", async () => {
    const prefix = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
    const text = "grpc: received message larger than max (4294967295 vs. 2097152)";
    const unary = await call(openCall(1, ECHO), dataFrame(1, prefix));
    expect(unary).toMatchObject({ status: Status.resourceExhausted, text });
    client.send(openCall(3, ECHO_STREAM), dataFrame(3, prefix));
    expect(await answer(client, 3)).toMatchObject({ status: Status.resourceExhausted, text });
    await alive(client);
  });

  test("a call that is answered before its end is told to send no more", async () => {
    client.send(openCall(1, ECHO), dataFrame(1, Buffer.from([0, 0xff, 0xff, 0xff, 0xff])));
    await streamError(client, 1, ErrorCode.noError);
  });

  test("T4: a message of exactly the limit is taken", async () => {
    const big = Buffer.alloc(MESSAGE_BYTES_MAX, 7);
    const held = await openHeld(1);
    const bytes = message(big);
    for (let at = 0; at < bytes.length; at += 16384) {
      client.send(dataFrame(1, bytes.subarray(at, at + 16384)));
      // The window is 1 MiB: wait for the grants as any client must.
      if (at === 16384 * 60)
        await client.next("a grant", ({ type }) => type === FrameType.windowUpdate);
    }
    await server.until("the message", () => held.messages.length === 1);
    expect(held.messages[0]!.equals(big)).toBe(true);
  });
});

describe("calls that cannot be served", () => {
  test("E81: an unknown method", async () => {
    expect(await call(unaryCall(1, "/test.Dummy/Nothing", HELLO))).toMatchObject({
      status: Status.unimplemented,
      text: "unknown method Nothing for service test.Dummy",
      isTrailersOnly: true,
    });
  });

  test("E81: an unknown service", async () => {
    expect(await call(unaryCall(1, "/test.Nobody/Echo", HELLO))).toMatchObject({
      status: Status.unimplemented,
      text: "unknown service test.Nobody",
    });
  });

  test.each(["/", "/x", "//", "/test.Dummy/", "/__proto__/constructor"])(
    "the path %s is no method",
    async (path) => {
      const result = await call(unaryCall(1, path, HELLO));
      expect(result.status).toBe(Status.unimplemented);
    },
  );

  test("a compressed request is UNIMPLEMENTED, with grpc-go's text", async () => {
    const result = await call(
      openCall(1, ECHO, [["grpc-encoding", "gzip"]]),
      dataFrame(1, message(HELLO, 1), true),
    );
    expect(result).toMatchObject({
      status: Status.unimplemented,
      text: 'grpc: Decompressor is not installed for grpc-encoding "gzip"',
    });
  });

  test("a compressed flag without an encoding is INTERNAL", async () => {
    expect(await call(openCall(1, ECHO), dataFrame(1, message(HELLO, 1), true))).toMatchObject({
      status: Status.internal,
      text: "grpc: compressed flag set with identity or empty encoding",
    });
  });

  test("a compressed flag of neither 0 nor 1 is INTERNAL", async () => {
    expect(await call(openCall(1, ECHO), dataFrame(1, message(HELLO, 2), true))).toMatchObject({
      status: Status.internal,
      text: "grpc: received unexpected payload format 2",
    });
  });

  test("the encoding identity is none", async () => {
    const result = await call(unaryCall(1, ECHO, HELLO, [["grpc-encoding", "identity"]]));
    expect(result).toMatchObject({ status: Status.ok, messages: [HELLO] });
  });

  test("a unary call without a message is INTERNAL", async () => {
    const result = await call(openCall(1, ECHO), dataFrame(1, Buffer.alloc(0), true));
    expect(result.status).toBe(Status.internal);
    expect(result.text).not.toBe("");
  });

  test("a unary call that HEADERS alone ends is INTERNAL", async () => {
    const result = await call(headersFrame(1, block(grpcFields(ECHO)), { end: true }));
    expect(result.status).toBe(Status.internal);
  });

  test("a unary call with two messages is INTERNAL", async () => {
    const two = Buffer.concat([message(HELLO), message(HELLO)]);
    const result = await call(openCall(1, ECHO), dataFrame(1, two, true));
    expect(result.status).toBe(Status.internal);
  });

  test("a call that ends inside a message is INTERNAL", async () => {
    const half = message(HELLO).subarray(0, 7);
    const unary = await call(openCall(1, ECHO), dataFrame(1, half, true));
    expect(unary.status).toBe(Status.internal);
    client.send(openCall(3, ECHO_STREAM), dataFrame(3, half, true));
    expect((await answer(client, 3)).status).toBe(Status.internal);
  });

  test("a failure is one HEADERS frame with status and text", async () => {
    const result = await call(unaryCall(1, FAIL, Buffer.from("\x05not here")));
    expect(result).toMatchObject({
      httpStatus: "200",
      status: 5,
      text: "not here",
      isTrailersOnly: true,
      messages: [],
    });
  });

  test("grpc-message is percent-encoded UTF-8", async () => {
    const text = "100% naïve: €, line\nend ~";
    const result = await call(unaryCall(1, FAIL, Buffer.concat([Buffer.of(3), Buffer.from(text)])));
    expect(result.rawText).toBe("100%25 na%C3%AFve: %E2%82%AC, line%0Aend ~");
    expect(result.text).toBe(text);
  });
});

describe("deadlines", () => {
  test.each([
    ["2H", 2 * 3_600_000],
    ["3M", 3 * 60_000],
    ["7S", 7000],
    ["250m", 250],
    ["9000u", 9],
    ["8000000n", 8],
    ["00900000m", 900_000],
  ])("grpc-timeout %s ends a unary call after %i ms", async (timeout, afterMs) => {
    client.send(unaryCall(1, HOLD, HELLO, [["grpc-timeout", timeout]]));
    await server.until("the call", () => server.held.length === 1);
    server.time.advance(afterMs - 1);
    await alive(client);
    expect(client.received.some(({ streamId }) => streamId === 1)).toBe(false);
    server.time.advance(2);
    expect(await answer(client, 1)).toMatchObject({
      status: Status.deadlineExceeded,
      text: "context deadline exceeded",
    });
    server.held[0]!.reply(HELLO);
    await alive(client);
  });

  test("a deadline ends a stream, whose handler hears of it once", async () => {
    const held = await openHeld(1, [["grpc-timeout", "100m"]]);
    held.call.send(HELLO);
    server.time.advance(101);
    const result = await answer(client, 1);
    expect(result).toMatchObject({
      status: Status.deadlineExceeded,
      text: "context deadline exceeded",
      messages: [HELLO],
    });
    expect(held.isCancelled).toBe(true);
    held.call.send(HELLO);
    held.call.end(Status.ok, "");
    await alive(client);
  });

  test("a deadline of 0 has passed already", async () => {
    client.send(unaryCall(1, HOLD, HELLO, [["grpc-timeout", "0S"]]));
    await alive(client);
    server.time.advance(1);
    expect((await answer(client, 1)).status).toBe(Status.deadlineExceeded);
  });

  test("an answered call leaves no alarm behind", async () => {
    await call(unaryCall(1, ECHO, HELLO));
    const before = server.time.pending;
    client.send(unaryCall(3, ECHO, HELLO, [["grpc-timeout", "1H"]]));
    await answer(client, 3);
    expect(server.time.pending).toBeLessThanOrEqual(before);
  });

  test.each(["", "S", "10", "10s", "-1S", "1.5S", "123456789S", "1 S"])(
    "the malformed grpc-timeout %j is refused",
    async (timeout) => {
      const result = await call(unaryCall(1, ECHO, HELLO, [["grpc-timeout", timeout]]));
      expect(result.status).toBe(Status.internal);
      expect(result.text).toContain("malformed grpc-timeout");
    },
  );
});

describe("streams", () => {
  test("the head comes with the first message, the trailers with the end", async () => {
    const held = await openHeld(1);
    held.call.send(HELLO);
    const head = await answered(client, 1);
    expect(head.fields?.get("grpc-status")).toBeUndefined();
    held.call.end(Status.ok, "");
    expect(await answer(client, 1)).toMatchObject({ status: Status.ok, messages: [HELLO] });
  });

  test("W35: after the client's half-close the server still sends", async () => {
    const held = await openHeld(1);
    client.send(dataFrame(1, message(HELLO), true));
    await server.until("the half-close", () => held.isHalfClosed);
    expect(held.messages).toEqual([HELLO]);
    held.call.send(Buffer.from("still here"));
    held.call.end(Status.ok, "");
    expect((await answer(client, 1)).messages).toEqual([Buffer.from("still here")]);
    expect(held.isCancelled).toBe(false);
  });

  test("RST_STREAM cancels the stream, and what is sent after that is void", async () => {
    const held = await openHeld(1);
    client.send(rstStreamFrame(1, ErrorCode.cancel));
    await server.until("the cancel", () => held.isCancelled);
    held.call.send(HELLO);
    expect(held.call.offer(Buffer.alloc(8), 5, HELLO)).toBe(false);
    held.call.end(Status.ok, "");
    await alive(client);
    expect(client.received.some(({ streamId }) => streamId === 1)).toBe(false);
  });

  test("a broken connection cancels every stream of it", async () => {
    const first = await openHeld(1);
    const second = await openHeld(3);
    client.destroy();
    await server.until("both cancels", () => first.isCancelled && second.isCancelled);
  });

  test("a stream that ends with an error says so in its trailers", async () => {
    const held = await openHeld(1);
    held.call.send(HELLO);
    held.call.end(Status.unavailable, "etcdserver: no leader");
    expect(await answer(client, 1)).toMatchObject({
      status: Status.unavailable,
      text: "etcdserver: no leader",
      messages: [HELLO],
    });
  });

  test("a stream that ends before anything is sent is trailers only", async () => {
    const held = await openHeld(1);
    held.call.end(Status.unavailable, "no");
    expect(await answer(client, 1)).toMatchObject({
      status: Status.unavailable,
      isTrailersOnly: true,
    });
  });

  test("paused requests wait, and come in order when started again", async () => {
    const held = await openHeld(1);
    held.call.pauseRequests(true);
    client.send(dataFrame(1, message(Buffer.from("a"))), dataFrame(1, message(Buffer.from("b"))));
    await alive(client);
    expect(held.messages).toEqual([]);
    held.call.pauseRequests(false);
    await server.until("both messages", () => held.messages.length === 2);
    expect(held.messages.map(String)).toEqual(["a", "b"]);
  });

  test("a handler that pauses at each message gets them one by one, and the end last", async () => {
    const held = await openHeld(1);
    held.pausesAtEach = true;
    const texts = ["a", "b", "c", "d"];
    const messages = texts.map((text) => message(Buffer.from(text)));
    client.send(dataFrame(1, Buffer.concat(messages), true));
    for (let count = 1; count <= texts.length; count++) {
      await server.until("one more", () => held.messages.length >= count);
      await alive(client);
      server.time.advance(5000);
      expect(held.messages.map(String)).toEqual(texts.slice(0, count));
      if (count < texts.length) expect(held.isHalfClosed).toBe(false);
      held.call.pauseRequests(false);
    }
    await server.until("the half-close", () => held.isHalfClosed);
  });

  test("a message made of head and body arrives as one", async () => {
    const held = await openHeld(1);
    const head = Buffer.from("head, and rubbish behind it");
    expect(held.call.offer(head, 4, Buffer.from("body"))).toBe(true);
    head.fill(0);
    held.call.end(Status.ok, "");
    expect((await answer(client, 1)).messages).toEqual([Buffer.from("headbody")]);
  });
});
