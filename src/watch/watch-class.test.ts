import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventSource } from "../../test/watch/event-source.ts";
import { latin1 } from "../../test/watch/model-store.ts";
import { type KeyRange, parseKeyRange, rangeContains } from "../base/key-range.ts";
import { type Audience, leaveSeat, seatsTaken, takeSeat, watcherAt } from "./audience.ts";
import { EventBlock } from "./event-block.ts";
import { ClassIndex } from "./class-index.ts";
import type { Interest } from "./interest.ts";
import type { WatchClass } from "./watch-class.ts";
import { joinRanges, partsOf, type WatchRange } from "./watch-range.ts";
import { SYNCED, Watcher } from "./watcher.ts";

const text = fc.string({ unit: fc.constantFrom("a", "b", "\0", "\xff"), maxLength: 3 });
const keyRange: fc.Arbitrary<KeyRange> = fc
  .tuple(
    text.filter((key) => key !== ""),
    text,
  )
  .map(([key, end]) => parseKeyRange(latin1(key), latin1(end)));
const interest: fc.Arbitrary<Interest> = fc
  .record({
    ranges: fc.oneof(
      keyRange.map((one) => [one]),
      fc.array(keyRange, { minLength: 2, maxLength: 4 }),
    ),
    noPut: fc.boolean(),
    noDelete: fc.boolean(),
    prevKv: fc.boolean(),
    extras: fc.constantFrom(
      {},
      { extras: { keysOnly: true, latestOnly: false, deleteReason: false } },
    ),
  })
  .map(({ ranges, extras, ...options }) => ({
    range: joinRanges(ranges),
    ...options,
    ...extras,
  }))
  .filter(({ range }) => range.kind !== "empty");

describe("class index", () => {
  it("finds exactly the classes that want an event, like a list, while classes come and go", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), interest }),
      fc.record({ kind: fc.constant("remove" as const), pick: fc.nat() }),
      fc.record({
        kind: fc.constant("event" as const),
        key: text,
        type: fc.constantFrom("put" as const, "delete" as const),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
        const index = new ClassIndex();
        let classes: WatchClass[] = [];
        for (const next of steps) {
          if (next.kind === "add") {
            const added = index.ensure(next.interest);
            if (!classes.includes(added)) classes.push(added);
          } else if (next.kind === "remove") {
            const removed = classes[next.pick % Math.max(classes.length, 1)];
            if (removed === undefined) continue;
            index.remove(removed);
            classes = classes.filter((one) => one !== removed);
          } else {
            const block = new EventBlock(100);
            block.append(eventSource(5, next.key, { type: next.type }));
            const found: WatchClass[] = [];
            index.find(block, 0, found);
            const naive = classes.filter(
              ({ range, wishes: { noPut, noDelete } }) =>
                partsOf(range).some((part) => rangeContains(part, latin1(next.key))) &&
                !(next.type === "put" ? noPut : noDelete),
            );
            expect(new Set(found)).toEqual(new Set(naive));
            expect(found.length).toBe(naive.length);
          }
          expect(index.size).toBe(classes.length);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("has one class for one interest, and another for every other", () => {
    const index = new ClassIndex();
    const ranges = [
      ["a", ""],
      ["a", "\0"],
      ["a", "b"],
      ["a", "ab"],
      ["aa", "b"],
      ["ab", ""],
      ["a:1", ""],
      ["1:a", "1:ab"],
      ["a", "", "c", ""],
      ["a", "", "c", "d"],
      ["a", "", "c", "", "e", ""],
    ] as const;
    const rangeOf = (bounds: readonly string[]): WatchRange =>
      joinRanges(
        bounds.flatMap((key, i) =>
          i % 2 === 0 ? [parseKeyRange(latin1(key), latin1(bounds[i + 1] ?? ""))] : [],
        ),
      );
    const seen = new Set<WatchClass>();
    for (const bounds of ranges) {
      for (let bits = 0; bits < 64; bits++) {
        const extras = {
          keysOnly: (bits & 8) !== 0,
          latestOnly: (bits & 16) !== 0,
          deleteReason: (bits & 32) !== 0,
        };
        const one = {
          range: rangeOf(bounds),
          ...(bits < 8 ? {} : { extras }),
          noPut: (bits & 1) !== 0,
          noDelete: (bits & 2) !== 0,
          prevKv: (bits & 4) !== 0,
        };
        const added = index.ensure(one);
        expect(seen.has(added)).toBe(false);
        expect(index.ensure({ ...one, range: rangeOf(bounds) })).toBe(added);
        seen.add(added);
      }
    }
    expect(index.size).toBe(ranges.length * 64);
  });
});

describe("audience", () => {
  it("keeps everybody's seat right when others leave", () => {
    const index = new ClassIndex();
    const watchClass = index.ensure({
      range: parseKeyRange(latin1("a"), latin1("")),
      noPut: false,
      noDelete: false,
      prevKv: false,
    });
    const stream = {} as Watcher["stream"];
    const watchers = Array.from(
      { length: 5 },
      (_, id) =>
        new Watcher(stream, watchClass, {
          id,
          fragment: false,
          progressNotify: false,
          position: SYNCED,
          createdSecond: 0,
        }),
    );
    const synced = watchClass.audience("synced");
    for (const watcher of watchers) takeSeat(synced, watcher);
    for (const leaving of [1, 4, 0]) {
      leaveSeat(synced, watchers[leaving]!);
      expect(watchers[leaving]?.seat).toBe(-1);
      for (const [seat, watcher] of seated(synced).entries()) expect(watcher.seat).toBe(seat);
    }
    expect(new Set(seated(synced).map(({ id }) => id))).toEqual(new Set([2, 3]));
    for (const watcher of seated(synced)) leaveSeat(synced, watcher);
    expect(seatsTaken(synced)).toBe(0);
    takeSeat(synced, watchers[0]!);
    expect(seated(synced)).toEqual([watchers[0]]);
    expect(watchClass.listens("synced")).toBe(true);
    expect(watchClass.listens("memory")).toBe(false);
  });
});

function seated(audience: Audience): Watcher[] {
  return Array.from({ length: seatsTaken(audience) }, (_, seat) => watcherAt(audience, seat));
}
