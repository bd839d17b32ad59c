import { describe, expect, it } from "vitest";
import { decodeMessage, encodeMessage, type Message } from "../../test/support/wire-codec.ts";
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
});
