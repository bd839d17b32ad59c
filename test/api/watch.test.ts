import { expect, test } from "vitest";
import type { StreamHandler } from "../../src/api/call.ts";
import { watchMethod } from "../../src/api/watch.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { decodeMessage, encodeMessage, type Message } from "../support/wire-codec.ts";
import { FakeStreamCall } from "./fake-calls.ts";
import { WatchGuard } from "../../src/api/auth/watch-guard.ts";
import { testAuth } from "./auth/test-auth.ts";
import { ImmediateReplica } from "./immediate-replica.ts";
import { TestWatchers } from "./test-watchers.ts";

/** A client that is full after some messages, and notes whether its requests are held up. */
class PausableCall extends FakeStreamCall {
  readonly roomFor: number;
  isPaused = false;

  constructor(roomFor: number) {
    super();
    this.roomFor = roomFor;
  }

  override send(message: Uint8Array): void {
    super.send(message);
    this.writable = this.sent.length % this.roomFor !== 0;
  }

  override pauseRequests(isPaused = false): void {
    this.isPaused = isPaused;
  }
}

function open(call: PausableCall): { handler: StreamHandler; timers: ManualTimers } {
  const replica = new ImmediateReplica();
  const { hub } = new TestWatchers(replica);
  const timers = new ManualTimers();
  const { gate } = testAuth(replica.tested);
  const guard = new WatchGuard({ gate, hub, timers });
  const options = { hub, timers, random: { u32: () => 0 }, progressIntervalMs: 1000, guard };
  const method = watchMethod(options);
  if (method.kind !== "stream") throw new Error("a watch is a stream");
  return { handler: method.open(call), timers };
}

function send(handler: StreamHandler, request: Message): void {
  handler.message(encodeMessage("WatchRequest", request));
}

const CREATE: Message = { create_request: { key: Buffer.from("k"), progress_notify: true } };

test("a client that does not read the answers makes no more of them, however many it asks for", () => {
  const call = new PausableCall(16);
  const { handler } = open(call);
  let answeredMost = 0;
  for (let asked = 0; asked < 5000; ) {
    const before = call.sent.length;
    for (; !call.isPaused && asked < 5000; asked++) send(handler, CREATE);
    answeredMost = Math.max(answeredMost, call.sent.length - before);
    call.writable = true;
    handler.drained();
    expect(call.isPaused).toBe(false);
  }
  expect(answeredMost).toBe(16);
  const ids = call.sent.map((bytes) =>
    Number(decodeMessage("WatchResponse", bytes)["watch_id"] ?? 0),
  );
  expect(ids).toEqual(Array.from({ length: 5000 }, (_, i) => i));
});

test("after the end of a stream nothing is sent, and no timer is left", () => {
  const call = new PausableCall(1000);
  const { handler, timers } = open(call);
  send(handler, CREATE);
  expect(timers.pending).toBe(1);
  handler.cancelled();
  timers.pass(10_000);
  expect(timers.pending).toBe(0);
  expect(call.sent).toHaveLength(1);
});

test("a request that is no message ends the stream with Internal, its watchers with it (W37)", () => {
  const call = new PausableCall(1000);
  const { handler, timers } = open(call);
  send(handler, CREATE);
  handler.message(Uint8Array.of(0xff));
  expect(call.ended?.code).toBe(13);
  expect(timers.pending).toBe(0);
});

test("a request with nothing set is passed over, and half a close changes nothing (W4, W35)", () => {
  const call = new PausableCall(1000);
  const { handler } = open(call);
  send(handler, {});
  handler.halfClosed();
  expect(call.sent).toHaveLength(0);
  send(handler, CREATE);
  expect(call.sent).toHaveLength(1);
  expect(call.ended).toBeUndefined();
});
