import { describe, expect, it, test } from "vitest";
import type { WatchersPage, WatchersPageRow } from "./api/watchers-page.ts";
import { parseTopArguments, topText } from "./top.ts";

describe("arguments of top", () => {
  it("have defaults", () => {
    expect(parseTopArguments([])).toEqual({
      endpoint: "http://127.0.0.1:2379",
      limit: 20,
      position: "",
      key: "",
      intervalMs: 2000,
      isOnce: false,
      user: "",
    });
  });

  it("are given apart or joined, an endpoint with or without its scheme", () => {
    const args =
      "--endpoint 10.0.0.1:99/ --limit=5 -key a=b --position victim --once --user root:p:w";
    expect(parseTopArguments([...args.split(" "), "--interval=250ms"])).toEqual({
      endpoint: "http://10.0.0.1:99",
      limit: 5,
      position: "victim",
      key: "a=b",
      intervalMs: 250,
      isOnce: true,
      user: "root:p:w",
    });
  });

  it.each(["--help", "-h"])("%s asks for help", (arg) => {
    expect(parseTopArguments(["--limit", "3", arg])).toBeUndefined();
  });

  test.each([
    ["--limits 3", "vedette top: no such flag: --limits"],
    ["extra", "vedette top: no such flag: extra"],
    ["--once=no", "vedette top: no such flag: --once=no"],
    ["--limit", "vedette top: --limit needs a value"],
    ["--limit 0", "vedette top: --limit is from 1 to 500"],
    ["--limit 501", "vedette top: --limit is from 1 to 500"],
    ["--interval 9ms", "vedette top: --interval is a time like 2s, at least 100ms"],
    ["--endpoint https://x:1", 'vedette top: --endpoint "https://x:1" is no http URL'],
  ])("%s is refused", (line, text) => {
    expect(() => parseTopArguments(line.split(" "))).toThrow(text);
  });
});

const ROW: WatchersPageRow = {
  stream_id: 12,
  watch_id: "7",
  client: "127.0.0.1:4000",
  user: "",
  range: "[a, b)",
  options: ["prev_kv", "fragment"],
  position: "victim",
  next_revision: 5,
  lag_revisions: 123_456,
  lag_bytes: 3_500_000,
  lag_bytes_estimated: true,
  lag_ms: 61_250,
  cause: "stream-full",
  created_at_ms: 1_700_000_000_000,
};

const PAGE: WatchersPage = {
  revision: 200_000,
  streams: 3,
  watchers: 40,
  behind: 1,
  lag_revisions_sum: 123_456,
  lag_revisions_max: 123_456,
  positions: { synced: 39, future: 0, victim: 1 },
  matched: 40,
  list: [ROW],
};

describe("the text of top", () => {
  it("shows the sums, and a line a watcher", () => {
    const level = { ...ROW, lag_revisions: 0, lag_bytes: 0, lag_bytes_estimated: false, lag_ms: 0 };
    const other = { ...level, position: "synced", cause: "none", user: "ann", options: [] };
    expect(topText({ ...PAGE, list: [ROW, { ...other, range: "x".repeat(60) }] })).toBe(
      [
        "revision 200000, 3 streams, 40 watchers: 39 synced, 1 victim",
        "1 behind, at most 123456 revisions, 123456 in sum; 2 of 40 shown",
        "",
        "   LAG     BYTES    TIME  POSITION  CAUSE        STREAM  WATCH  CLIENT              " +
          "RANGE                                      OPTIONS",
        "123456  ~3.3 MiB  61.3 s  victim    stream-full  12      7      127.0.0.1:4000      " +
          "[a, b)                                     prev_kv,fragment",
        "     0       0 B    0 ms  synced    -            12      7      ann@127.0.0.1:4000  " +
          `${"x".repeat(40)}…`,
        "",
      ].join("\n"),
    );
  });

  it("has no table where there is nobody", () => {
    const none = { ...PAGE, positions: {}, watchers: 0, behind: 0, matched: 0, list: [] };
    expect(topText({ ...none, lag_revisions_sum: 0, lag_revisions_max: 0 })).toBe(
      "revision 200000, 3 streams, 0 watchers\n" +
        "0 behind, at most 0 revisions, 0 in sum; 0 of 0 shown\n",
    );
  });

  test.each([
    [999, 999, "999 ms", "999 B"],
    [1000, 1024, "1.0 s", "1.0 KiB"],
    [119_999, 150 * 1024, "120.0 s", "150 KiB"],
    [600_000, 5 * 1024 ** 3, "10 min", "5.0 GiB"],
    [8_000_000, 0, "2 h", "0 B"],
  ])("writes %i ms and %i bytes short", (ms, bytes, time, size) => {
    const list = [{ ...ROW, lag_ms: ms, lag_bytes: bytes, lag_bytes_estimated: false }];
    const line =
      topText({ ...PAGE, list })
        .split("\n")
        .at(-2) ?? "";
    expect(line).toContain(` ${size}  `);
    expect(line).toContain(` ${time}  victim`);
  });
});
