import { expect, test } from "vitest";
import { encodeMessage, type Message } from "../support/wire-codec.ts";
import { CrashAudit, writtenValue } from "./crash-audit.ts";

// Two lives of a server with one watcher, which resumes behind what it saw in the first.

const KEY = Buffer.from("p0/1");

function put(writeId: number, at: readonly [number, number, number]): Message {
  const [create_revision, mod_revision, version] = at;
  const value = Buffer.from(writtenValue(writeId, 8));
  return { key: KEY, create_revision, mod_revision, version, value };
}

const FIRST = put(1, [2, 2, 1]);
const SECOND = put(2, [2, 3, 2]);
const THIRD = put(3, [2, 4, 3]);
const FOURTH = put(4, [2, 5, 4]);

function faultsOf(change: (responses: Message[]) => void): readonly string[] {
  const audit = new CrashAudit({ valueBytes: 8, isStrict: true });
  const responses: Message[] = [
    { header: { revision: 2 }, events: [{ kv: FIRST }] },
    { header: { revision: 3 }, events: [{ kv: SECOND, prev_kv: FIRST }] },
    { header: { revision: 4 }, events: [{ kv: THIRD, prev_kv: SECOND }] },
    { header: { revision: 5 }, events: [{ kv: FOURTH, prev_kv: THIRD }] },
  ];
  change(responses);
  const live = (startRevision: number, head: number, seen: readonly Message[]): void => {
    const create = { key: KEY, start_revision: startRevision, prev_kv: true };
    audit.sent(0, { create_request: create });
    const created = { header: { revision: head }, created: true };
    for (const response of [created, ...seen]) {
      audit.received(0, encodeMessage("WatchResponse", response));
    }
  };
  const wrote = (revision: number): void =>
    audit.history({ revision, isDelete: false, key: "p0/1", writeId: revision - 1 });
  live(1, 1, responses.slice(0, 2));
  for (const revision of [2, 3, 4]) wrote(revision);
  audit.judge({ resumedFrom: 4 });
  live(4, 4, responses.slice(2));
  wrote(5);
  audit.judge({ completeTo: 5, resumedFrom: 5 });
  expect(audit.responses).toBe(responses.length + 2);
  return audit.faults;
}

test("two lives without a fault have none, the value before a restart included", () => {
  expect(faultsOf(() => undefined)).toEqual([]);
});

test.each<[string, (responses: Message[]) => void, RegExp]>([
  ["what was never written", (all) => (all[1]!["events"] = [{ kv: THIRD }]), /should be/],
  ["a wrong version after the restart", wrongVersion, /event 1/],
  ["the value before the restart is lost", dropPrevious, /no prev_kv/],
  ["the last event is lost", (all) => all.pop(), /should be put "p0\/1" at 5/],
  ["an event from before the restart again", (all) => (all[2] = all[1]!), /below the start/],
])("found: %s", (_, change, found) => {
  expect(faultsOf(change).join("\n")).toMatch(found);
});

function wrongVersion(responses: Message[]): void {
  responses[3] = { header: { revision: 5 }, events: [{ kv: { ...FOURTH, version: 2 } }] };
}

function dropPrevious(responses: Message[]): void {
  responses[2] = { header: { revision: 4 }, events: [{ kv: THIRD }] };
}
