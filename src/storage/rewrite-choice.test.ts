import { expect, test } from "vitest";
import { chooseRun } from "./rewrite-choice.ts";
import { Segment } from "./segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-header.ts";

const IDENTITY = { clusterId: 1n, memberId: 1n, name: "", secret: 1n };
const SEGMENT_BYTES = 1000;

/** Segments of so many live and dead bytes, with an empty one that takes appends behind them. */
function logOf(...sizes: readonly (readonly [live: number, dead: number])[]): Segment[] {
  const list = sizes.map(([live, dead], i) => {
    const segment = new Segment(IDENTITY, i + 1, "log");
    segment.end = SEGMENT_HEADER_BYTES + live + dead;
    segment.durableEnd = segment.end;
    segment.deadBytes = dead;
    segment.full = true;
    segment.listed = true;
    return segment;
  });
  const last = new Segment(IDENTITY, sizes.length + 1, "log");
  last.listed = true;
  return [...list, last];
}

function chosen(list: readonly Segment[]): readonly number[] {
  return chooseRun(list, SEGMENT_BYTES).map((segment) => segment.number);
}

test.each<[string, Segment[], number[]]>([
  ["nothing of a full log", logOf([1000, 0], [900, 100]), []],
  ["a segment that is less than half needed", logOf([1000, 0], [400, 600], [1000, 0]), [2]],
  ["not one that is just half needed", logOf([500, 500]), []],
  ["neighbours together", logOf([1000, 0], [400, 600], [300, 700], [1000, 0]), [2, 3]],
  ["no more than fits one segment", logOf([400, 600], [450, 600], [300, 700]), [1, 2]],
  ["small ones beside a dead one", logOf([100, 0], [0, 1000], [150, 0]), [1, 2, 3]],
  ["a row of four small ones", logOf([100, 0], [100, 0], [100, 0], [100, 0]), [1, 2, 3, 4]],
  ["not a row of three", logOf([100, 0], [100, 0], [100, 0]), []],
  ["the oldest run first", logOf([0, 1000], [1000, 0], [0, 1000]), [1]],
])("chooses %s", (_name, list, expected) => {
  expect(chosen(list)).toEqual(expected);
});

test("chooses every segment with a dead record below the number that it is given", () => {
  const list = logOf([990, 10], [1000, 0], [990, 10], [990, 10]);
  const numbers = (below: number): readonly number[] =>
    chooseRun(list, SEGMENT_BYTES, below).map((segment) => segment.number);
  expect(numbers(0)).toEqual([]);
  expect(numbers(2)).toEqual([1]);
  list.shift();
  expect(numbers(3)).toEqual([]);
  expect(numbers(4)).toEqual([3]);
});

test("chooses no segment whose last frame is not durable", () => {
  const list = logOf([0, 1000]);
  const [first] = list;
  if (first === undefined) throw new Error("there is a segment");
  first.durableEnd -= 10;
  expect(chosen(list)).toEqual([]);
});

test("chooses no segment before the one behind it is there", () => {
  const list = logOf([0, 1000]);
  const last = list[1];
  if (last === undefined) throw new Error("there is a last segment");
  last.listed = false;
  expect(chosen(list)).toEqual([]);
});
