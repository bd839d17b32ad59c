import fc from "fast-check";
import { expect, test } from "vitest";
import { generatedHistory, type Mutation, mutations } from "./generated-history.ts";
import { keyValue, Story } from "./story.ts";
import { validateWatch } from "./watch-validator.ts";
import type { Message } from "./wire-codec.ts";

// A planted fault is a change to a good history; the validator must find each of them.

const A1 = keyValue("a", "1", [2, 2, 1]);
const B1 = keyValue("b", "1", [3, 3, 1]);
const A2 = keyValue("a", "2", [2, 4, 2]);
const B2 = keyValue("b", "2", [3, 4, 2]);
const A3 = keyValue("a", "3", [6, 6, 1]);
const C1 = keyValue("c", "1", [7, 7, 1]);
const A_GONE: Message = { key: Buffer.from("a"), mod_revision: 5 };

/** A txn, a delete, fragments, progress of both kinds, cancels of both kinds, and refusals. */
function story(): Story {
  const told = new Story();
  const { recorder } = told;
  recorder.put("a", "1", 2);
  recorder.put("b", "1", 3);
  recorder.put("a", "2", 4);
  recorder.put("b", "2", 4);
  recorder.delete("a", "", 5);
  recorder.put("a", "3", 6);
  recorder.put("c", "1", 7);
  recorder.compact(3);
  const create = (request: Message): Message => ({ create_request: request });
  const range: Message = { key: Buffer.from("a"), range_end: Buffer.from("c") };
  const all: Message = { key: Buffer.from("a"), range_end: Buffer.from([0]) };
  const refused: Message = { created: true, canceled: true };
  const empty = "mvcc: watcher range is empty";
  told
    .sent("ask 0", create({ ...range, start_revision: 1, prev_kv: true }))
    .sent("ask empty", create({ key: Buffer.from("z"), range_end: Buffer.from("x") }))
    .sent("ask 1", create({ ...all, fragment: true, progress_notify: true }))
    .sent("ask 7", create({ ...range, start_revision: 5, filters: [0], watch_id: 7 }))
    .sent("ask 7 again", create({ ...range, watch_id: 7 }))
    .received("created 0", 0, 2, { created: true })
    .received("refused", -1, 2, { ...refused, cancel_reason: empty })
    .received("created 1", 1, 2, { created: true })
    .received("created 7", 7, 2, { created: true })
    .received("duplicate", -1, 2, { ...refused, cancel_reason: "mvcc: duplicate watch ID" })
    .received("0 from 2 to 3", 0, 3, { events: [{ kv: A1 }, { kv: B1 }] })
    .received("1 at 3", 1, 3, { events: [{ kv: B1 }] })
    .received("0 at 4", 0, 4, {
      events: [
        { kv: A2, prev_kv: A1 },
        { kv: B2, prev_kv: B1 },
      ],
    })
    .sent("ask progress", { progress_request: {} })
    .received("1 at 4, first", 1, 4, { fragment: true, events: [{ kv: A2 }] })
    .received("1 at 4, last", 1, 4, { events: [{ kv: B2 }] })
    .received("progress", -1, 4)
    .received("0 at 5", 0, 5, { events: [{ type: 1, kv: A_GONE, prev_kv: A2 }] })
    .received("7 at 5", 7, 5, { events: [{ type: 1, kv: A_GONE }] })
    .received("1 at 5", 1, 5, { events: [{ type: 1, kv: A_GONE }] })
    .received("1 is level", 1, 5)
    .received("1 at 6", 1, 6, { events: [{ kv: A3 }] })
    .received("0 at 6", 0, 6, { events: [{ kv: A3 }] })
    .received("1 at 7", 1, 7, { events: [{ kv: C1 }] })
    .sent("cancel 7", { cancel_request: { watch_id: 7 } })
    .received("canceled 7", 7, 7, { canceled: true })
    .compacted(3)
    .sent("ask 2", create({ ...range, start_revision: 2 }))
    .received("created 2", 2, 7, { created: true })
    .received("compacted 2", 2, 0, { canceled: true, compact_revision: 3 })
    .sent("cancel 2", { cancel_request: { watch_id: 2 } })
    .received("canceled 2", 2, 7, { canceled: true })
    .sent("ask resumed", create({ ...range, start_revision: 5 }))
    .received("resumed", 3, 7, { created: true })
    .received("3 from 5 to 6", 3, 7, { events: [{ type: 1, kv: A_GONE }, { kv: A3 }] });
  return told;
}

type Planted = readonly [name: string, change: (told: Story) => void, found: RegExp];

const LOST: readonly Planted[] = [
  ["a lost event", (s) => (s.message("0 from 2 to 3")["events"] as Message[]).pop(), /event 1/],
  ["a lost response", (s) => s.drop("0 at 4"), /event 2 should be put "a" at 4/],
  ["the newest event is lost", (s) => s.drop("1 at 7"), /event 5 should be put "c" at 7/],
  ["half a txn", (s) => (s.message("0 at 4")["events"] as Message[]).pop(), /put "b" at 4/],
  ["a resume with a gap", resumeWithGap, /event 0 should be delete "a" at 5/],
];

const TOO_MUCH: readonly Planted[] = [
  ["a doubled event", (s) => doubleFirst(s.message("0 from 2 to 3")), /event 1 should be put "b"/],
  ["a doubled response", (s) => s.repeat("0 at 5"), /split over two|comes after/],
  ["an event below the start", (s) => prepend(s, "3 from 5 to 6", { kv: A2 }), /below the start/],
  ["a resume with a double", (s) => prepend(s, "3 from 5 to 6", { kv: B2 }), /below the start/],
  ["history below what is compacted", compactedHistory, /history that is compacted/],
  ["an event of another range", (s) => keyOf(s, "0 at 6", "c"), /was not asked for/],
  ["a key outside, its change real", (s) => append(s, "0 at 6", { kv: C1 }), /was not asked for/],
  ["a filter ignored", (s) => append(s, "7 at 5", { kv: A3 }), /was not asked for/],
  ["an event that never was", (s) => keyOf(s, "1 at 6", "q"), /should be put "a" at 6/],
];

const ORDER: readonly Planted[] = [
  ["two responses swapped", (s) => s.move("0 at 5", "0 at 4"), /out of order/],
  ["revisions swapped in a response", (s) => swap(s, "0 from 2 to 3"), /out of order/],
  ["order inside a revision", (s) => swap(s, "0 at 4"), /event 2 should be put "a"/],
  ["a revision split over two responses", splitRevision, /split over two/],
  ["an event before created", (s) => s.move("0 from 2 to 3", "created 0"), /unknown watcher 0/],
  ["an event after canceled", (s) => s.move("7 at 5", "ask 2"), /after canceled/],
  ["a header that decreases", (s) => header(s, "1 at 6", 3), /comes after/],
  ["a header below its events", (s) => header(s, "0 at 4", 3), /below its events/],
  ["a header ahead of its events", (s) => header(s, "0 from 2 to 3", 4), /after a promise/],
];

const CONTENTS: readonly Planted[] = [
  ["a wrong value", (s) => put(s, "0 at 6", { value: Buffer.from("x") }), /event 5|event 4/],
  ["a wrong version", (s) => put(s, "0 at 6", { version: 2 }), /half a creation/],
  ["a wrong create_revision", (s) => put(s, "0 at 6", { create_revision: 2 }), /half a creation/],
  ["a version that did not grow", (s) => put(s, "1 at 4, last", { version: 3 }), /event 2/],
  ["a delete with a value", (s) => put(s, "0 at 5", { value: Buffer.from("2") }), /more than key/],
  ["a delete told as a put", (s) => delete s.event("1 at 5", 0)["type"], /half a creation|event 3/],
  ["no prev_kv", (s) => delete s.event("0 at 4", 1)["prev_kv"], /no prev_kv/],
  ["a wrong prev_kv", (s) => (s.event("0 at 4", 0)["prev_kv"] = B1), /wrong prev_kv/],
  ["the present as prev_kv", (s) => (s.event("0 at 4", 0)["prev_kv"] = A2), /wrong prev_kv/],
  ["a prev_kv of nothing", (s) => (s.event("0 at 6", 0)["prev_kv"] = A2), /prev_kv of nothing/],
  ["a prev_kv not asked for", (s) => (s.event("1 at 5", 0)["prev_kv"] = A2), /was not asked for/],
];

const PROGRESS: readonly Planted[] = [
  ["progress ahead of an event", (s) => s.move("progress", "0 at 4"), /after a promise/],
  ["progress ahead of half a response", (s) => s.move("progress", "1 at 4, last"), /between/],
  ["progress above what exists", (s) => header(s, "progress", 6), /after a promise/],
  ["progress that never comes", (s) => s.drop("progress"), /progress request was never/],
  ["progress nobody asked for", (s) => s.drop("ask progress"), /progress for which nobody/],
  ["progress that falls", fallingProgress, /progress fell/],
  ["progress with events", (s) => append(s, "progress", { kv: A2 }), /says more/],
  ["a watcher's progress ahead", (s) => header(s, "1 is level", 6), /after a promise/],
  ["a watcher's unasked progress", (s) => s.insert("0 at 6", plain(0, 6)), /nobody asked for/],
];

const PROTOCOL: readonly Planted[] = [
  ["a wrong id", (s) => (s.message("0 at 5")["watch_id"] = 9), /unknown watcher 9/],
  ["the id of another watcher", (s) => (s.message("0 at 6")["watch_id"] = 1), /watcher/],
  ["an id that was not chosen", (s) => (s.message("resumed")["watch_id"] = 4), /instead of 3/],
  ["created twice", (s) => s.repeat("created 0"), /twice|instead of/],
  ["created with events", (s) => append(s, "created 7", { kv: A1 }), /created 7 carries events/],
  ["a create without answer", (s) => s.drop("created 7"), /never answered|instead of/],
  ["an empty range accepted", acceptEmpty, /is to be refused/],
  ["a double id accepted", acceptDouble, /is to be refused/],
  ["a good create refused", refuseGood, /refused with/],
  ["a refusal with an id", (s) => (s.message("refused")["watch_id"] = 5), /has the id 5/],
  ["canceled unasked", (s) => s.drop("cancel 7"), /for which nobody asked/],
  ["a cancel without answer", (s) => s.drop("canceled 7"), /cancel was never answered/],
  ["canceled by the server after its end", cancelAgain, /after canceled/],
  ["canceled twice", (s) => s.repeat("canceled 7"), /for which nobody asked/],
  ["canceled with events", (s) => append(s, "canceled 7", { kv: A3 }), /carries events/],
];

const COMPACTION: readonly Planted[] = [
  ["a compaction's cancel twice", (s) => s.repeat("compacted 2"), /after canceled/],
  ["no compact_revision", (s) => delete s.message("compacted 2")["compact_revision"], /nobody/],
  ["no cancel after compaction", dropCompacted, /starts below the compacted/],
  ["a compaction that never was", (s) => compactRevision(s, "compacted 2", 4), /never was/],
  ["a cancel that was no need", (s) => compactRevision(s, "canceled 7", 3), /for nothing/],
];

const FRAGMENTS: readonly Planted[] = [
  ["the flag left on the last fragment", (s) => fragment(s, "1 at 4, last"), /between fragments/],
  ["the last fragment missing", (s) => s.drop("1 at 4, last"), /between fragments/],
  ["a stream that ends in fragments", endInFragments, /last fragment .* missing/],
  ["fragments interleaved", (s) => s.move("0 at 5", "1 at 4, last"), /between fragments/],
  ["a fragment not asked for", (s) => fragment(s, "3 from 5 to 6"), /was not asked for/],
  ["fragments with two headers", (s) => header(s, "1 at 4, last", 5), /the one before 4/],
  ["fragments that are not marked", (s) => delete s.message("1 at 4, first")["fragment"], /split/],
];

const PLANTED = [LOST, TOO_MUCH, ORDER, CONTENTS, PROGRESS, PROTOCOL, COMPACTION, FRAGMENTS].flat();

test("a good story has no fault, for ours and by etcd's own promises", () => {
  expect(validateWatch(story().history)).toEqual([]);
  const lax = story();
  lax.isStrict = false;
  expect(validateWatch(lax.history)).toEqual([]);
});

test("a watcher that the server ends, and says why, is owed no more", () => {
  const told = story();
  told.drop("cancel 7");
  told.message("canceled 7")["cancel_reason"] = "by an operator";
  expect(validateWatch(told.history)).toEqual([]);
});

test("a client that leaves in the middle of anything is no fault of the server's", () => {
  const { transcript, ...rest } = story().history;
  for (let length = 0; length <= transcript.length; length++) {
    const cut = { ...rest, transcript: transcript.slice(0, length), completeTo: undefined };
    expect(validateWatch(cut), `cut after ${length}`).toEqual([]);
  }
});

test.each(PLANTED)("planted and found: %s", (_, change, found) => {
  const told = story();
  change(told);
  expect(validateWatch(told.history).join("\n")).toMatch(found);
});

test(`${PLANTED.length} of ${PLANTED.length} planted faults are found`, () => {
  const missed = PLANTED.filter(([, change]) => {
    const told = story();
    change(told);
    return validateWatch(told.history).length === 0;
  });
  expect(missed.map(([name]) => name)).toEqual([]);
  expect(new Set(PLANTED.map(([name]) => name)).size).toBe(70);
});

test("generated histories of a correct server have no fault", () => {
  fc.assert(
    fc.property(generatedHistory, (history) => {
      expect(validateWatch(history)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test.each(mutations)("in generated histories, %s is a fault", (_name, mutate: Mutation) => {
  let planted = 0;
  fc.assert(
    fc.property(generatedHistory, fc.nat(), (history, pick) => {
      const changed = mutate(history, pick);
      if (changed === undefined) return;
      planted++;
      expect(validateWatch(changed)).not.toEqual([]);
    }),
    { numRuns: 150 },
  );
  expect(planted).toBeGreaterThan(30);
});

function plain(id: number, revision: number): Message {
  return { ...(id === 0 ? {} : { watch_id: id }), header: { revision } };
}

function header(told: Story, name: string, revision: number): void {
  told.message(name)["header"] = { revision };
}

function fragment(told: Story, name: string): void {
  told.message(name)["fragment"] = true;
}

function compactRevision(told: Story, name: string, revision: number): void {
  const message = told.message(name);
  message["compact_revision"] = revision;
  message["header"] = {};
}

/** Changes the KeyValue of a response's last event. */
function put(told: Story, name: string, fields: Message): void {
  const events = told.message(name)["events"] as Message[];
  const event = events.at(-1)!;
  event["kv"] = { ...(event["kv"] as Message), ...fields };
}

function keyOf(told: Story, name: string, key: string): void {
  put(told, name, { key: Buffer.from(key) });
}

function append(told: Story, name: string, event: Message): void {
  const message = told.message(name);
  message["events"] = [...((message["events"] as Message[] | undefined) ?? []), event];
}

function prepend(told: Story, name: string, event: Message): void {
  const message = told.message(name);
  message["events"] = [event, ...(message["events"] as Message[])];
}

function swap(told: Story, name: string): void {
  const message = told.message(name);
  message["events"] = (message["events"] as Message[]).toReversed();
}

function doubleFirst(message: Message): void {
  const events = message["events"] as Message[];
  message["events"] = [events[0]!, ...events];
}

function resumeWithGap(told: Story): void {
  (told.message("3 from 5 to 6")["events"] as Message[]).shift();
}

function compactedHistory(told: Story): void {
  told.drop("compacted 2");
  told.insert("created 2", { watch_id: 2, header: { revision: 7 }, events: [{ kv: A1 }] });
}

function splitRevision(told: Story): void {
  const events = told.message("0 at 4")["events"] as Message[];
  const second = events.pop()!;
  told.insert("0 at 4", { header: { revision: 4 }, events: [second] });
}

function fallingProgress(told: Story): void {
  told.repeat("ask progress");
  told.insert("progress", { watch_id: -1, header: { revision: 3 } });
}

function acceptEmpty(told: Story): void {
  const message = told.message("refused");
  for (const field of ["canceled", "cancel_reason"]) delete message[field];
}

function acceptDouble(told: Story): void {
  const message = told.message("duplicate");
  for (const field of ["canceled", "cancel_reason"]) delete message[field];
  message["watch_id"] = 7;
}

function refuseGood(told: Story): void {
  const message = told.message("created 7");
  Object.assign(message, { watch_id: -1, canceled: true, cancel_reason: "mvcc: not today" });
}

function cancelAgain(told: Story): void {
  const response = { watch_id: 7, header: { revision: 7 }, canceled: true };
  told.insert("canceled 7", { ...response, cancel_reason: "by an operator" });
}

function dropCompacted(told: Story): void {
  for (const name of ["compacted 2", "cancel 2", "canceled 2"]) told.drop(name);
}

function endInFragments(told: Story): void {
  told.move("1 at 7", "ask progress");
  told.drop("1 at 7");
  told.insert("3 from 5 to 6", {
    watch_id: 1,
    header: { revision: 7 },
    fragment: true,
    events: [{ kv: C1 }],
  });
}
