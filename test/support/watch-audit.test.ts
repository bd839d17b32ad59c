import { expect, test } from "vitest";
import { keyValue } from "./story.ts";
import { WatchAudit } from "./watch-audit.ts";
import { encodeMessage, type Message } from "./wire-codec.ts";
import type { TappedMessage } from "./wire-tap.ts";

// What passes a tap in front of a server, made up: two writers, a compaction, a txn, a watcher.

interface Passing {
  readonly path: string;
  readonly type: string;
  readonly request: Message;
  response: Message;
}

const header = (revision: number): Message => ({ header: { revision } });
const key = (text: string): Message => ({ key: Buffer.from(text) });

function put(text: string, value: string, revision: number): Passing {
  const request = { ...key(text), value: Buffer.from(value) };
  return { path: "KV/Put", type: "Put", request, response: header(revision) };
}

/** The order of the answers is not that of the revisions. */
function calls(): Passing[] {
  const txn: Message = {
    success: [{ request_put: { ...key("b"), value: Buffer.from("no") } }],
    failure: [
      { request_delete_range: { ...key("a"), range_end: Buffer.from([0]) } },
      { request_txn: { success: [{ request_put: { ...key("c"), ignore_value: true } }] } },
      { request_txn: { success: [{ request_put: key("b") }] } },
    ],
  };
  const taken: Message = { response_txn: { succeeded: true, responses: [{ response_put: {} }] } };
  const refused: Message = { response_txn: {} };
  const answer: Message = {
    ...header(4),
    responses: [{ response_delete_range: { deleted: 2 } }, refused, taken],
  };
  return [
    put("b", "1", 3),
    put("a", "1", 2),
    { path: "KV/DeleteRange", type: "DeleteRange", request: key("z"), response: header(3) },
    { path: "KV/Txn", type: "Txn", request: txn, response: answer },
    { path: "KV/Compact", type: "Compaction", request: { revision: 2 }, response: header(4) },
  ];
}

function watched(): Message[] {
  const gone = (text: string): Message => ({ ...key(text), mod_revision: 4 });
  const b2: Message = { ...key("b"), create_revision: 4, mod_revision: 4, version: 1 };
  return [
    { ...header(4), created: true },
    { ...header(3), events: [{ kv: keyValue("b", "1", [3, 3, 1]) }] },
    { ...header(4), events: [{ type: 1, kv: gone("a") }, { type: 1, kv: gone("b") }, { kv: b2 }] },
  ];
}

function faultsOf(passing: readonly Passing[], responses: readonly Message[]): readonly string[] {
  const audit = new WatchAudit();
  const messages: TappedMessage[] = [];
  for (const { path, type, request, response } of passing) {
    const call = { path: `/etcdserverpb.${path}` };
    messages.push({ call, from: "client", bytes: encodeMessage(`${type}Request`, request) });
    messages.push({ call, from: "server", bytes: encodeMessage(`${type}Response`, response) });
  }
  const watch = { path: "/etcdserverpb.Watch/Watch" };
  const range = { ...key("a"), range_end: Buffer.from([0]), start_revision: 3 };
  const create = encodeMessage("WatchRequest", { create_request: range });
  messages.push({ call: watch, from: "client", bytes: Buffer.from([0xff]) });
  messages.push({ call: watch, from: "client", bytes: create });
  for (const response of responses) {
    const bytes = encodeMessage("WatchResponse", response);
    messages.push({ call: watch, from: "server", bytes });
  }
  audit.hear(messages);
  const { faults, ...counted } = audit.report();
  expect(counted).toMatchObject({ streams: 1, responses: responses.length });
  return faults;
}

test("writes that passed are the truth, whoever was answered first, nested txns included", () => {
  expect(faultsOf(calls(), watched())).toEqual([]);
});

test("a watcher that was not told of a write is found", () => {
  const [created, , last] = watched();
  expect(faultsOf(calls(), [created!, last!]).join()).toMatch(/should be put "b" at 3/);
});

test("a watcher that was told of a branch which was not taken is found", () => {
  const responses = watched();
  const events = responses[2]!["events"] as Message[];
  events.push({ kv: { ...key("c"), create_revision: 4, mod_revision: 4, version: 1 } });
  expect(faultsOf(calls(), responses).join()).toMatch(/is put "c" at 4/);
});

test("a revision that nobody wrote is found", () => {
  expect(faultsOf([...calls(), put("a", "2", 6)], watched())).toEqual([
    "nobody was answered that he wrote revision 5",
  ]);
});

/** Two keys that hang on a lease from revisions 5 and 6 on, and a third that does not. */
function leased(): Passing[] {
  const one = (text: string, revision: number): Passing => {
    const passing = put(text, "1", revision);
    return { ...passing, request: { ...passing.request, lease: 9n } };
  };
  return [...calls(), one("y", 5), one("x", 6)];
}

function watchedLease(): Message[] {
  const y = { ...keyValue("y", "1", [5, 5, 1]), lease: 9n };
  const x = { ...keyValue("x", "1", [6, 6, 1]), lease: 9n };
  const gone = (text: string): Message => ({
    type: 1,
    kv: { key: Buffer.from(text), mod_revision: 7 },
  });
  return [
    ...watched(),
    { ...header(6), events: [{ kv: y }, { kv: x }] },
    { ...header(7), events: [gone("x"), gone("y")] },
  ];
}

test("the end of a lease takes its keys, whether a client asked for it or its time was over", () => {
  const revoke = { path: "Lease/LeaseRevoke", type: "LeaseRevoke", request: { ID: 9n } };
  expect(faultsOf([...leased(), { ...revoke, response: header(7) }], watchedLease())).toEqual([]);
  expect(faultsOf(leased(), watchedLease())).toEqual([]);
  expect(faultsOf([...leased(), put("z", "1", 8)], watchedLease())).toEqual([]);
});

test("an end of a lease that leaves a key is found", () => {
  const responses = watchedLease();
  (responses.at(-1)!["events"] as Message[]).pop();
  const faults = faultsOf([...leased(), put("z", "1", 8)], [...responses, zAt8()]);
  expect(faults.join()).toMatch(/should be delete "y" at 7/);
});

function zAt8(): Message {
  return { ...header(8), events: [{ kv: keyValue("z", "1", [8, 8, 1]) }] };
}

test("a start below what was compacted before the stream began is no longer served", () => {
  const passing = calls();
  passing.push({
    path: "KV/Compact",
    type: "Compaction",
    request: { revision: 4 },
    response: header(4),
  });
  expect(faultsOf(passing, watched()).join()).toMatch(/got history that is compacted/);
});
