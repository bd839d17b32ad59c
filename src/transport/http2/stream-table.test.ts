import { expect, test } from "vitest";
import { CLOSED_STREAMS_REMEMBERED } from "./limits.ts";
import { Stream } from "./stream.ts";
import { StreamTable } from "./stream-table.ts";

function open(table: StreamTable, id: number): Stream {
  const head = {
    method: "GET",
    path: "/",
    contentType: "",
    contentLength: -1,
    names: [],
    values: [],
  };
  const stream = new Stream(id, head, { send: 0, receive: 0 }, 0);
  table.use(id);
  table.add(stream);
  return stream;
}

test("an absent stream is idle, skipped, or closed in the way it was", () => {
  const table = new StreamTable();
  table.remove(open(table, 3), "ended");
  table.remove(open(table, 7), "reset-by-client");
  table.remove(open(table, 9), "reset-by-us");
  expect(table.get(3)).toBeUndefined();
  expect([1, 3, 5, 7, 9, 11].map((id) => table.absent(id))).toEqual([
    "skipped",
    "ended",
    "skipped",
    "reset-by-client",
    "reset-by-us",
    "idle",
  ]);
});

test("the newest memory of an id counts", () => {
  const table = new StreamTable();
  table.remove(open(table, 1), "ended");
  table.remember(1, "reset-by-client");
  expect(table.absent(1)).toBe("reset-by-client");
});

test("the memory is bounded: what fell out of it is forgotten", () => {
  const table = new StreamTable();
  for (let i = 0; i <= CLOSED_STREAMS_REMEMBERED; i++) {
    table.remove(open(table, 2 * i + 1), "ended");
  }
  expect(table.absent(1)).toBe("forgotten");
  expect(table.absent(3)).toBe("ended");
});

test("streams may leave while the table is walked", () => {
  const table = new StreamTable();
  const streams = [1, 3, 5].map((id) => open(table, id));
  const seen: number[] = [];
  for (const stream of table.values()) {
    seen.push(stream.id);
    table.remove(stream, "ended");
    if (stream.id === 1) table.remove(streams[1]!, "ended");
  }
  expect(seen).toEqual([1, 5]);
  expect(table.size).toBe(0);
});
