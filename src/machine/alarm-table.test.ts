import { beforeEach, describe, expect, test } from "vitest";
import type { AlarmCommand } from "./alarm-command.ts";
import { AlarmTable } from "./alarm-table.ts";
import type { Command, PutCommand, TxnOp } from "./command.ts";

const MEMBER = 17265314107014084553n;
const PUT: PutCommand = {
  kind: "put",
  key: Uint8Array.of(97),
  value: Uint8Array.of(49),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};
const DELETE: TxnOp = {
  kind: "delete-range",
  range: { kind: "single", key: Uint8Array.of(97) },
  prevKv: false,
};

let records: Map<string, Uint8Array>;
let table: AlarmTable;
beforeEach(() => {
  records = new Map();
  table = new AlarmTable(records);
});

function ask(
  action: AlarmCommand["action"],
  alarm: AlarmCommand["alarm"],
  memberId: bigint = MEMBER,
): readonly string[] {
  const command: AlarmCommand = { kind: "alarm", action, memberId, alarm };
  return table.apply(command).map((one) => `${one.memberId} ${one.alarm}`);
}

function txn(success: readonly TxnOp[], failure: readonly TxnOp[] = []): Command {
  return { kind: "txn", compares: [], success, failure, readOnly: false };
}

describe("alarms (M10)", () => {
  test("one that is raised is answered, listed, and answered again when raised again", () => {
    expect(ask("activate", "nospace")).toEqual([`${MEMBER} nospace`]);
    expect(ask("activate", "nospace")).toEqual([`${MEMBER} nospace`]);
    expect(ask("get", "none")).toEqual([`${MEMBER} nospace`]);
    expect(records.size).toBe(1);
  });

  test("those of one type are listed alone", () => {
    ask("activate", "corrupt", 1n);
    ask("activate", "nospace", 2n);
    ask("activate", "nospace", 1n);
    expect(ask("get", "none")).toEqual(["1 nospace", "2 nospace", "1 corrupt"]);
    expect(ask("get", "corrupt")).toEqual(["1 corrupt"]);
    expect(ask("get", "unknown")).toEqual([]);
  });

  test("one that is taken back is answered once, and only that of the named member goes", () => {
    ask("activate", "nospace", 1n);
    ask("activate", "nospace", 2n);
    expect(ask("deactivate", "corrupt", 1n)).toEqual([]);
    expect(ask("deactivate", "nospace", 1n)).toEqual(["1 nospace"]);
    expect(ask("deactivate", "nospace", 1n)).toEqual([]);
    expect(table.refusal(PUT)?.name).toBe("noSpace");
    ask("deactivate", "nospace", 2n);
    expect(table.refusal(PUT)).toBeUndefined();
  });

  test.each(["none", "unknown"] as const)("%s is no alarm to raise or take back", (alarm) => {
    expect(ask("activate", alarm)).toEqual([]);
    ask("activate", "nospace");
    expect(ask("deactivate", alarm)).toEqual([]);
    expect(ask("get", "none")).toEqual([`${MEMBER} nospace`]);
  });

  test("they stand again in a table over the same records, whatever the member's id", () => {
    const ids = [0n, 1n, 127n, 128n, MEMBER, 2n ** 64n - 1n];
    for (const id of ids) ask("activate", id % 2n === 0n ? "corrupt" : "nospace", id);
    const before = ask("get", "none");
    expect(before).toHaveLength(ids.length);
    table = new AlarmTable(records);
    expect(ask("get", "none").toSorted()).toEqual(before.toSorted());
    expect(table.refusal(PUT)?.name).toBe("corrupt");
  });

  test("a record is the bytes of etcd's AlarmMember", () => {
    ask("activate", "corrupt", 300n);
    expect([...records.keys()]).toEqual(["\x08\xac\x02\x10\x02"]);
  });

  test("a list that was read does not change any more", () => {
    ask("activate", "nospace");
    const { alarms } = table;
    ask("deactivate", "nospace");
    expect(alarms).toHaveLength(1);
    expect(table.alarms).toHaveLength(0);
  });
});

describe("what an alarm refuses", () => {
  const compact: Command = { kind: "compact", revision: 1, physical: false };
  const disarm: Command = { kind: "alarm", action: "get", memberId: 0n, alarm: "none" };
  test.each<[string, Command, string | undefined, string | undefined]>([
    ["a put", PUT, "noSpace", "corrupt"],
    ["a delete", DELETE as Command, undefined, "corrupt"],
    ["a compaction", compact, undefined, "corrupt"],
    ["a txn of deletes", txn([DELETE]), undefined, "corrupt"],
    ["a txn with a put", txn([PUT]), "noSpace", "corrupt"],
    ["a txn with a put in the other branch", txn([], [PUT]), "noSpace", "corrupt"],
    ["a txn with a nested put", txn([txn([DELETE], [PUT]) as TxnOp]), "noSpace", "corrupt"],
    ["an alarm request", disarm, undefined, undefined],
  ])("%s: NOSPACE (M21), CORRUPT (M22)", (_name, command, full, corrupt) => {
    expect(table.refusal(command)).toBeUndefined();
    ask("activate", "nospace");
    expect(table.refusal(command)?.name).toBe(full);
    ask("activate", "corrupt");
    expect(table.refusal(command)?.name).toBe(corrupt ?? full);
  });
});
