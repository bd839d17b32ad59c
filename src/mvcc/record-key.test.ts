import { describe, expect, test } from "vitest";
import { parseRecordKey, revisionKey, tombstoneKey } from "./record-key.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("record keys (K70)", () => {
  test("are a revision's 17 bytes, and one more for a tombstone", () => {
    expect(hex(revisionKey(258, 3))).toBe("00000000000001025f0000000000000003");
    expect(hex(tombstoneKey(2 ** 33, 1))).toBe("00000002000000005f000000000000000174");
  });

  test.each([
    [2, 0],
    [2 ** 53 - 1, 2 ** 31 - 1],
  ])("%d.%d is read back", (main, sub) => {
    expect(parseRecordKey(revisionKey(main, sub))).toEqual({ main, sub, isTombstone: false });
    expect(parseRecordKey(tombstoneKey(main, sub))).toEqual({ main, sub, isTombstone: true });
  });

  test.each([
    ["nothing", ""],
    ["one that is too short", "00000000000001025f00000000000000"],
    ["another mark", "00000000000001025f000000000000000375"],
    ["no underscore", "00000000000001025e0000000000000003"],
    ["a revision beyond 2^53", "00200000000000005f0000000000000003"],
    ["a place beyond 2^31", "00000000000001025f0000000080000000"],
  ])("%s is none", (_, text) => {
    expect(parseRecordKey(new Uint8Array(Buffer.from(text, "hex")))).toBeUndefined();
  });
});
