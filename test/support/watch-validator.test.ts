import { expect, test } from "vitest";
import type { FieldValue, Message } from "./wire-codec.ts";
import {
  type CreateRequest,
  HistoryRecorder,
  type WatchHistory,
  validateWatch,
} from "./watch-validator.ts";

// A planted fault is a change to a good history; the validator must find each of them.

function request(watchId: number, more: Partial<CreateRequest> = {}): CreateRequest {
  return {
    watchId,
    key: "a",
    rangeEnd: "c",
    startRevision: 1,
    prevKv: true,
    noPut: false,
    noDelete: false,
    fragment: false,
    ...more,
  };
}

function put(key: string, value: string, revisions: readonly [number, number, number]): Message {
  const [create_revision, mod_revision, version] = revisions;
  return {
    key: Buffer.from(key),
    value: Buffer.from(value),
    create_revision,
    mod_revision,
    version,
  };
}

function response(watch_id: number, revision: number, more: Message = {}): Message {
  return { header: { revision }, watch_id, ...more };
}

/** A history with a txn, a delete, fragments, progress, a refused create and a cancel. */
function good(): WatchHistory {
  const recorder = new HistoryRecorder();
  recorder.put("a", "1", 2);
  recorder.put("b", "1", 3);
  recorder.put("a", "2", 4);
  recorder.put("b", "2", 4);
  recorder.delete("a", "", 5);
  recorder.put("a", "3", 6);
  recorder.put("c", "1", 7);
  const a1 = put("a", "1", [2, 2, 1]);
  const b1 = put("b", "1", [3, 3, 1]);
  const a2 = put("a", "2", [2, 4, 2]);
  const b2 = put("b", "2", [3, 4, 2]);
  const deleted: Message = { key: Buffer.from("a"), mod_revision: 5 };
  const a3 = put("a", "3", [6, 6, 1]);
  return {
    changes: recorder.changes,
    compacted: 0,
    completeTo: 7,
    requests: [
      request(0),
      request(1, { key: "z", rangeEnd: "x" }),
      request(1, { key: "b", rangeEnd: "", startRevision: 0, prevKv: false, fragment: true }),
      request(2, { startRevision: 5, prevKv: false, noPut: true }),
    ],
    responses: [
      response(0, 2, { created: true }),
      response(-1, 2, { created: true, canceled: true }),
      response(1, 2, { created: true }),
      response(2, 2, { created: true }),
      response(0, 3, { events: [{ kv: a1 }, { kv: b1 }] }),
      response(1, 3, { events: [{ kv: b1 }] }),
      response(-1, 3),
      response(1, 4, { fragment: true, events: [{ kv: b2 }] }),
      response(1, 5, { events: [] }),
      response(0, 4, {
        events: [
          { kv: a2, prev_kv: a1 },
          { kv: b2, prev_kv: b1 },
        ],
      }),
      response(0, 5, { events: [{ type: 1, kv: deleted, prev_kv: a2 }] }),
      response(2, 5, { events: [{ type: 1, kv: deleted }] }),
      response(0, 6, { events: [{ kv: a3 }] }),
      response(-1, 7),
      response(2, 7, { canceled: true }),
    ],
  };
}

/** The same without the fragment, whose end would otherwise be an empty one. */
function whole(): WatchHistory {
  const history = good();
  const responses = history.responses.filter((_, i) => i !== 8);
  delete (responses[7] as Message)["fragment"];
  return { ...history, responses };
}

function edit(path: readonly (string | number)[], value: FieldValue | undefined): WatchHistory {
  const history = whole();
  let at = history.responses as unknown as Record<string | number, unknown>;
  for (const step of path.slice(0, -1)) at = at[step] as Record<string | number, unknown>;
  const last = path.at(-1)!;
  if (value === undefined) delete at[last];
  else at[last] = value;
  return history;
}

function reorder(change: (responses: Message[]) => void): WatchHistory {
  const history = whole();
  const responses = [...history.responses];
  change(responses);
  return { ...history, responses };
}

test("a good history has no fault", () => {
  expect(validateWatch(whole())).toEqual([]);
});

test("a history that ends inside fragments, or has an empty one, is at fault", () => {
  expect(validateWatch(good()).join("\n")).toMatch(/empty fragment/);
});

const b2At8 = ["events", 1, "prev_kv"] as const;
const planted: [name: string, history: () => WatchHistory, found: RegExp][] = [
  [
    "a lost event",
    () => edit([4, "events"], [whole().responses[4]!["events"]![0 as never]]),
    /event 1/,
  ],
  ["a lost response", () => reorder((all) => all.splice(9, 1)), /from 1 on/],
  ["a doubled response", () => reorder((all) => all.splice(8, 0, all[8]!)), /split|event/],
  ["two responses swapped", () => reorder((all) => all.splice(8, 2, all[9]!, all[8]!)), /order/],
  ["a revision split", splitRevision, /split over two/],
  ["order inside a revision", swapInside, /event 2/],
  ["a wrong value", () => edit([4, "events", 0, "kv", "value"], Buffer.from("x")), /event 0/],
  ["a wrong version", () => edit([4, "events", 0, "kv", "version"], 2), /half a creation/],
  [
    "a wrong creation",
    () => edit([11, "events", 0, "kv", "create_revision"], 2),
    /half a creation/,
  ],
  ["no prev_kv", () => edit([8, ...b2At8], undefined), /no prev_kv/],
  ["a wrong prev_kv", () => edit([8, ...b2At8, "value"], Buffer.from("2")), /wrong prev_kv/],
  [
    "a prev_kv nobody wanted",
    () => edit([5, "events", 0, "prev_kv"], put("b", "0", [1, 1, 1])),
    /not asked for/,
  ],
  ["a put through the filter", putThroughFilter, /was not asked for/],
  ["a key outside", () => edit([5, "events", 0, "kv", "key"], Buffer.from("c")), /not asked for/],
  ["progress ahead of events", () => edit([6, "header", "revision"], 4), /below a progress/],
  ["progress that falls", () => edit([12, "header", "revision"], 2), /progress fell/],
  ["an event after canceled", () => reorder((all) => all.push(all.at(-4)!)), /after canceled/],
  ["a header below its events", () => edit([8, "header", "revision"], 3), /below its events/],
  ["created twice", () => reorder((all) => all.splice(3, 1, all[0]!)), /created 0/],
  ["an event before created", () => reorder((all) => all.unshift(all[4]!)), /unknown watcher/],
  ["a create without answer", () => reorder((all) => all.splice(3, 1)), /never answered/],
  ["an unwanted fragment", () => edit([8, "fragment"], true), /fragment/],
  ["a fragment in between", fragmentBetween, /between fragments/],
  ["canceled by no compaction", () => edit([13, "compact_revision"], 5), /never was/],
  [
    "a delete with a value",
    () => edit([10, "events", 0, "kv", "value"], Buffer.from("2")),
    /more than/,
  ],
  [
    "events in created",
    () => edit([0, "events"], [{ kv: put("a", "1", [2, 2, 1]) }]),
    /carries events/,
  ],
];

test.each(planted)("%s is found", (_, history, found) => {
  expect(validateWatch(history()).join("\n")).toMatch(found);
});

function splitRevision(): WatchHistory {
  return reorder((all) => {
    const [first, second] = all[8]!["events"] as Message[];
    all.splice(8, 1, response(0, 4, { events: [first!] }), response(0, 4, { events: [second!] }));
  });
}

function swapInside(): WatchHistory {
  const [first, second] = whole().responses[8]!["events"] as Message[];
  return edit([8, "events"], [second!, first!]);
}

function putThroughFilter(): WatchHistory {
  return reorder((all) => {
    all.splice(12, 0, response(2, 6, { events: [{ kv: put("a", "3", [6, 6, 1]) }] }));
  });
}

function fragmentBetween(): WatchHistory {
  return edit([7, "fragment"], true);
}
