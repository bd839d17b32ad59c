import { beforeEach, describe, expect, test } from "vitest";
import type { MemberChange, MemberRecord } from "./member-command.ts";
import { MemberTable } from "./member-table.ts";

const SELF: MemberRecord = { id: 5n, peerUrls: ["http://a:2380"], isLearner: false };
const LEARNER: MemberRecord = {
  id: 2n ** 63n + 1n,
  peerUrls: ["http://b:2380", "http://b:2381"],
  isLearner: true,
};

let records: Map<string, Uint8Array>;
let table: MemberTable;
beforeEach(() => {
  records = new Map();
  table = new MemberTable(SELF, records);
});

function ask(change: MemberChange): string {
  return table.apply(change)?.name ?? "ok";
}

describe("members of a cluster with one voter", () => {
  test("a learner is added, and listed by id (C2)", () => {
    expect(ask({ action: "add", member: { ...LEARNER, id: 3n } })).toBe("ok");
    expect(table.members).toEqual([{ ...LEARNER, id: 3n }, SELF]);
  });

  test("a second learner, a taken id and a taken URL are refused (E32, E25, E26)", () => {
    ask({ action: "add", member: LEARNER });
    const other = { id: 9n, peerUrls: ["http://c:2380"], isLearner: true };
    expect(ask({ action: "add", member: other })).toBe("tooManyLearners");
    expect(ask({ action: "add", member: { ...other, id: SELF.id } })).toBe("memberExists");
    const clash = { ...other, peerUrls: ["http://c:2380", "http://b:2381"] };
    expect(ask({ action: "add", member: clash })).toBe("peerUrlExists");
  });

  test("a second voter is refused, since none can be started (C5, E62)", () => {
    expect(ask({ action: "add", member: { ...LEARNER, isLearner: false } })).toBe("unhealthy");
    expect(table.members).toEqual([SELF]);
  });

  test("a learner is removed, once; the one voter is not (C3, E27, E29)", () => {
    ask({ action: "add", member: LEARNER });
    expect(ask({ action: "remove", id: LEARNER.id })).toBe("ok");
    expect(ask({ action: "remove", id: LEARNER.id })).toBe("memberNotFound");
    expect(ask({ action: "remove", id: SELF.id })).toBe("memberNotEnoughStarted");
    expect(records.size).toBe(0);
  });

  test("URLs are changed unless another member has them (C3, E26, E29)", () => {
    ask({ action: "add", member: LEARNER });
    const peerUrls = ["http://d:2380"];
    expect(ask({ action: "update", id: 1n, peerUrls })).toBe("memberNotFound");
    expect(ask({ action: "update", id: LEARNER.id, peerUrls: SELF.peerUrls })).toBe(
      "peerUrlExists",
    );
    expect(ask({ action: "update", id: SELF.id, peerUrls: SELF.peerUrls })).toBe("ok");
    expect(ask({ action: "update", id: SELF.id, peerUrls })).toBe("ok");
    expect(table.members[0]).toEqual({ ...SELF, peerUrls });
  });

  test("nobody is promoted: the voter is no learner, a learner never in sync (E29-E31)", () => {
    ask({ action: "add", member: LEARNER });
    expect(ask({ action: "promote", id: LEARNER.id })).toBe("learnerNotReady");
    expect(ask({ action: "promote", id: SELF.id })).toBe("memberNotLearner");
    expect(ask({ action: "promote", id: 1n })).toBe("memberNotFound");
  });

  test("a table over the same records has the same members, whatever the flags say now", () => {
    ask({ action: "add", member: LEARNER });
    ask({ action: "update", id: SELF.id, peerUrls: ["http://d:2380", "http://ä:1"] });
    const before = table.members;
    table = new MemberTable({ ...SELF, peerUrls: ["http://other:2380"] }, records);
    expect(table.members).toEqual(before);
  });
});
