import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, type Message } from "../../test/support/wire-codec.ts";
import { decodeResponse, type SeenEvent } from "../../test/watch/model-client.ts";
import { eventSource } from "../../test/watch/event-source.ts";
import { ModelStore } from "../../test/watch/model-store.ts";
import { BodyEncoder, type EventForm } from "./body-encoder.ts";
import { EventBlock } from "./event-block.ts";
import { Piece } from "./piece.ts";

function bodyOf(block: EventBlock, form: EventForm): Uint8Array {
  const encoder = new BodyEncoder(new ModelStore());
  const piece = new Piece();
  for (let i = 0; i < block.count; i++) encoder.add(piece, block, i, form);
  const body = encoder.encode(piece, block);
  expect(body.length).toBe(piece.bytes);
  return body;
}

describe("body encoder", () => {
  it("puts the value before behind the event, at every border of a length (W29)", () => {
    for (const size of [0, 100, 112, 113, 114, 115, 116, 117, 16_370, 16_380]) {
      for (const before of ["", "v", "v".repeat(100), "v".repeat(118), "v".repeat(16_400)]) {
        const block = new EventBlock(64 * 1024);
        block.append(eventSource(300, "key", { size, previous: before }));
        const previous = block.previous(0);
        if (previous === undefined) throw new Error("the value before is held");
        const plain = decodeMessage("WatchResponse", bodyOf(block, { prevKv: false }));
        const [event] = plain["events"] as Message[];
        const withPrevious = { ...event, prev_kv: decodeMessage("KeyValue", previous) };
        const expected = encodeMessage("WatchResponse", { events: [withPrevious] });
        const body = bodyOf(block, { prevKv: true });
        expect(expected.equals(body), `${size} after ${before.length}`).toBe(true);
      }
    }
  });

  it("leaves out values, and says why keys went, as far as a class asks for it", () => {
    const block = new EventBlock(64 * 1024);
    block.append(eventSource(5, "a", { size: 300, previous: "before" }));
    block.append(eventSource(5, "b"));
    block.append(eventSource(6, "a", { type: "delete", deleteReason: "request", previous: "x" }));
    block.append(eventSource(7, "b", { type: "delete", deleteReason: "lease-expiry" }));
    const whole = decodeResponse(block.slab.subarray(0, block.start(4))).events;
    for (let bits = 0; bits < 8; bits++) {
      const [prevKv, keysOnly, deleteReason] = [1, 2, 4].map((bit) => (bits & bit) !== 0);
      const form = {
        prevKv: prevKv!,
        extras: { keysOnly: keysOnly!, deleteReason: deleteReason! },
      };
      const expected = whole.map((event, i): SeenEvent => {
        const before = i % 2 === 0 && prevKv;
        const value = keysOnly ? "" : i === 0 ? "before" : "x";
        return {
          ...event,
          keyValue: keysOnly ? { ...event.keyValue, value: "" } : event.keyValue,
          previous: before ? { key: "a", value, create: 1, mod: 1, version: 1 } : undefined,
          isExpiry: i === 3 && deleteReason!,
        };
      });
      expect(decodeResponse(bodyOf(block, form)).events, `form ${bits}`).toEqual(expected);
    }
  });

  it("shares the block's bytes where a class's wishes change nothing", () => {
    const block = new EventBlock(1024);
    block.append(eventSource(5, "a"));
    block.append(eventSource(6, "a", { type: "delete", deleteReason: "request" }));
    const form = { prevKv: true, extras: { keysOnly: true, deleteReason: true } };
    const body = bodyOf(block, form);
    expect([body.buffer, body.byteOffset]).toEqual([block.slab.buffer, block.slab.byteOffset]);
  });
});
