import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { GrpcCode } from "../../src/base/errors.ts";
import { decode, DESCRIPTORS } from "../../src/api/proto/codec.ts";
import type { SnapshotResponse } from "../../src/api/proto/messages-cluster.ts";
import { type FakeStreamCall, openStream } from "./fake-calls.ts";
import { latin1, TestServices } from "./test-services.ts";
import { putCommand } from "../support/commands.ts";

const PATH = "/etcdserverpb.Maintenance/Snapshot";

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
  for (let i = 0; i < 100; i++) {
    const value = new Uint8Array(i * 40);
    services.replica.propose(putCommand(latin1(`k${i % 9}`), value), () => undefined);
  }
});

/** Lets the snapshot's slices run until none waits. */
function settle(): void {
  for (let run = services.replica.turns.shift(); run; run = services.replica.turns.shift()) run();
}

function received(call: FakeStreamCall): SnapshotResponse[] {
  return call.sent.map((bytes) => decode(DESCRIPTORS.SnapshotResponse, bytes));
}

describe("Snapshot (M40)", () => {
  it("sends blobs of 32 KiB, counts down, and ends with the hash of all before", () => {
    const { call, handler } = openStream(services.methods, PATH);
    handler.message(new Uint8Array(0));
    handler.halfClosed();
    settle();
    expect(call.ended).toEqual({ code: GrpcCode.ok, text: "" });
    const messages = received(call);
    const blobs = messages.map(({ blob }) => blob);
    const hash = blobs.pop() ?? new Uint8Array(0);
    const body = Buffer.concat(blobs);
    expect(body.length % 4096).toBe(0);
    expect(blobs.slice(0, -1).every((blob) => blob.length === 32 * 1024)).toBe(true);
    expect(blobs.length).toBeGreaterThan(5);
    let remaining = body.length;
    for (const [i, message] of messages.entries()) {
      remaining -= blobs[i]?.length ?? 0;
      expect(message.remainingBytes).toBe(remaining);
      expect(message.header).toBeUndefined();
    }
    expect(Buffer.from(hash).equals(createHash("sha256").update(body).digest())).toBe(true);
  });

  it("goes on only when the client has taken what was sent", () => {
    const whole = openStream(services.methods, PATH);
    whole.handler.message(new Uint8Array(0));
    settle();
    const { call, handler } = openStream(services.methods, PATH);
    call.takesOne = true;
    handler.message(new Uint8Array(0));
    settle();
    const first = call.sent.length;
    expect(first).toBeLessThan(whole.call.sent.length);
    settle();
    expect(call.sent.length).toBe(first);
    for (let i = 0; i < 100 && call.ended === undefined; i++) {
      call.writable = true;
      handler.drained();
      handler.drained();
      settle();
    }
    expect(Buffer.concat(call.sent).equals(Buffer.concat(whole.call.sent))).toBe(true);
    expect(services.replica.snapshots.open).toBe(0);
  });

  it("lets go of the history when the client leaves, at whatever moment", () => {
    for (let turns = 0; turns < 6; turns++) {
      const { call, handler } = openStream(services.methods, PATH);
      call.takesOne = turns % 2 === 1;
      handler.message(new Uint8Array(0));
      for (let i = 0; i < turns; i++) services.replica.turns.shift()?.();
      handler.cancelled();
      settle();
      expect(services.replica.snapshots.open).toBe(0);
    }
  });

  it("answers a call without a request, and one that cannot be read (E82)", () => {
    const empty = openStream(services.methods, PATH);
    empty.handler.halfClosed();
    expect(empty.call.ended?.code).toBe(GrpcCode.internal);
    const odd = openStream(services.methods, PATH);
    odd.handler.message(Uint8Array.of(0xff));
    expect(odd.call.ended?.text).toContain("error unmarshalling request");
  });
});
