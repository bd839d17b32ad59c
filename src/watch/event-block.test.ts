import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage, type Message } from "../../test/support/wire-codec.ts";
import { eventSource, previousKeyValue } from "../../test/watch/event-source.ts";
import { toRevision } from "../base/revision.ts";
import { EventBlock, EventFlag } from "./event-block.ts";

/** What a client reads from events `from` to `to` of the block. */
function eventsOf(block: EventBlock, from: number, to: number): Message[] {
  const bytes = block.slab.subarray(block.start(from), block.start(to));
  return (decodeMessage("WatchResponse", bytes)["events"] ?? []) as Message[];
}

function keyOf(block: EventBlock, index: number): string {
  const bytes = block.slab.subarray(block.keyStart(index), block.keyEnd(index));
  return Buffer.from(bytes).toString("latin1");
}

describe("event block", () => {
  it("holds events as they stand in a response, put and delete (W2, W22, W23)", () => {
    const block = new EventBlock(1024);
    block.append(eventSource(5, "a", { size: 1 }));
    block.append(eventSource(6, "a", { type: "delete" }));
    const put = Buffer.from("5a0c120a0a0161100518052a0178", "hex");
    const remove = Buffer.from("5a09080112050a01611806", "hex");
    expect(Buffer.from(block.slab.subarray(0, block.start(2)))).toEqual(
      Buffer.concat([put, remove]),
    );
    expect([block.firstRevision, block.lastRevision, block.count]).toEqual([5, 6, 2]);
  });

  it("knows each event's size beforehand, and takes what just fits", () => {
    for (const size of [0, 1, 100, 114, 115, 116, 117, 118, 200, 16_360, 16_380, 16_400]) {
      const event = eventSource(7, "key", { size });
      const block = new EventBlock(EventBlock.encodedSize(event));
      expect(block.hasRoomFor(EventBlock.encodedSize(event))).toBe(true);
      expect(block.hasRoomFor(EventBlock.encodedSize(event) + 1)).toBe(false);
      block.append(event);
      expect(block.start(1)).toBe(block.slab.length);
      expect(block.hasRoomFor(1)).toBe(false);
      expect(eventsOf(block, 0, 1)).toHaveLength(1);
    }
  });

  it("finds keys of every length", () => {
    const keys = ["", "k", "\0", "\xff", "x".repeat(127), "y".repeat(128), "z".repeat(20_000)];
    const block = new EventBlock(64 * 1024);
    for (const [i, key] of keys.entries()) block.append(eventSource(2 + i, key));
    expect(keys.map((_, i) => keyOf(block, i))).toEqual(keys);
  });

  it("keeps each event's own value before, and none where there was none", () => {
    const block = new EventBlock(1024 * 1024);
    const before = (i: number) => (i % 3 === 0 ? undefined : `${i}`.repeat(i % 7));
    for (let i = 0; i < 3000; i++) {
      const previous = before(i);
      block.append(eventSource(2 + i, "k", previous === undefined ? {} : { previous }));
    }
    for (let i = 0; i < 3000; i++) {
      const text = before(i);
      const expected = text === undefined ? undefined : Buffer.from(previousKeyValue("k", text));
      const held = block.previous(i);
      expect(held === undefined ? undefined : Buffer.from(held)).toEqual(expected);
      const hasPrevious = (block.flags(i) & EventFlag.hasPrevious) !== 0;
      expect(hasPrevious).toBe(text !== undefined);
    }
  });

  it("never changes bytes that it has handed out", () => {
    const block = new EventBlock(64 * 1024);
    block.append(eventSource(2, "k", { size: 30, previous: "before" }));
    const event = block.slab.subarray(0, block.start(1));
    const previous = block.previous(0) ?? new Uint8Array(0);
    const copies = [event.slice(), previous.slice()];
    for (let i = 0; i < 500; i++) block.append(eventSource(3 + i, "k", { previous: "later" }));
    expect([event, previous]).toEqual(copies);
  });

  it("finds the first event of a revision and the one behind the last, like a walk", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 3 }), { maxLength: 200 }),
        fc.nat({ max: 500 }),
        (steps, from) => {
          const block = new EventBlock(64 * 1024);
          let revision = 2;
          const revisions = steps.map((step) => (revision += step));
          for (const one of revisions) block.append(eventSource(one, "k"));
          const naive = revisions.findIndex((one) => one >= from);
          expect(block.indexOf(toRevision(from))).toBe(naive < 0 ? revisions.length : naive);
        },
      ),
    );
  });

  it("says how much memory it holds", () => {
    const block = new EventBlock(4096);
    expect(block.bytes).toBe(4096 + 64 * 25);
    for (let i = 0; i < 65; i++) block.append(eventSource(2 + i, "k"));
    expect(block.bytes).toBe(4096 + 128 * 25);
    block.append(eventSource(70, "k", { previous: "x" }));
    expect(block.bytes).toBe(4096 + 128 * 25 + 4096);
  });
});
