import fc from "fast-check";
import { type Change, HistoryRecorder, isInRange, type Truth } from "./watch-truth.ts";
import type { TranscriptEntry, WatchHistory } from "./watch-validator.ts";
import type { FieldValue, Message } from "./wire-codec.ts";

/**
 * Histories as a correct server makes them, from random writes and watchers. The server here knows
 * everything beforehand and cuts each watcher's events into responses as it is told.
 */
const KEYS = ["a", "b", "c", "d"];

interface WatcherPlan {
  readonly from: string;
  readonly end: string;
  readonly start: number;
  readonly prevKv: boolean;
  readonly filter: number;
  readonly fragment: boolean;
  /** How many revisions each response holds. */
  readonly cuts: readonly number[];
  readonly isCanceled: boolean;
}

const key = fc.constantFrom(...KEYS);
const write = fc.uniqueArray(fc.record({ key, isDelete: fc.boolean() }), {
  minLength: 1,
  maxLength: 3,
  selector: (one) => one.key,
});
const plan: fc.Arbitrary<WatcherPlan> = fc.record({
  from: key,
  end: fc.constantFrom("", "\0", "z"),
  start: fc.integer({ min: 1, max: 8 }),
  prevKv: fc.boolean(),
  filter: fc.constantFrom(-1, -1, 0, 1),
  fragment: fc.boolean(),
  cuts: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  isCanceled: fc.nat({ max: 3 }).map((one) => one === 0),
});

export const generatedHistory: fc.Arbitrary<WatchHistory> = fc
  .record({
    writes: fc.array(write, { minLength: 4, maxLength: 14 }),
    plans: fc.array(plan, { minLength: 1, maxLength: 4 }),
    order: fc.array(fc.nat(), { minLength: 1, maxLength: 20 }),
  })
  .map(({ writes, plans, order }) => {
    const recorder = new HistoryRecorder();
    let revision = 1;
    for (const ops of writes) {
      const before = recorder.changes.length;
      for (const { key: one, isDelete } of ops) {
        if (isDelete) recorder.delete(one, "", revision + 1);
        else recorder.put(one, `${one}${revision}`, revision + 1);
      }
      if (recorder.changes.length > before) revision++;
    }
    const { truth } = recorder;
    const streams = plans.map((one, id) => responsesOf(one, id, truth, revision));
    return {
      truth,
      transcript: [...plans.map(createOf), ...interleave(streams, order)],
      completeTo: revision,
      isStrict: true,
    };
  });

function createOf({ from, end, start, prevKv, filter, fragment }: WatcherPlan): TranscriptEntry {
  return {
    sent: {
      create_request: {
        key: Buffer.from(from),
        range_end: Buffer.from(end),
        start_revision: start,
        ...(prevKv ? { prev_kv: true } : {}),
        ...(filter >= 0 ? { filters: [filter] } : {}),
        ...(fragment ? { fragment: true } : {}),
      },
    },
  };
}

/** The entries of one watcher: pieces that nothing may come between are arrays. */
function responsesOf(
  one: WatcherPlan,
  id: number,
  truth: Truth,
  head: number,
): TranscriptEntry[][] {
  const watchId: Message = id === 0 ? {} : { watch_id: id };
  const received = (revision: number, more: Message): TranscriptEntry => ({
    received: { header: { revision }, ...watchId, ...more },
  });
  const wanted = truth.between(one.start, head).filter((change) => {
    const isFiltered = one.filter === (change.type === "put" ? 0 : 1);
    return !isFiltered && isInRange(change.key, one.from, one.end);
  });
  const revisions = [...new Set(wanted.map(({ modRevision }) => modRevision))];
  const pieces = [[received(head, { created: true })]];
  for (let at = 0, cut = 0; at < revisions.length; cut++) {
    const end = at + (one.cuts[cut % one.cuts.length] ?? 1);
    const part = revisions.slice(at, end);
    const last = revisions[end] === undefined ? head : revisions[end] - 1;
    const events = wanted
      .filter(({ modRevision }) => part.includes(modRevision))
      .map((change) => eventOf(change, one.prevKv, truth));
    if (one.fragment && events.length > 1) {
      const first = received(last, { fragment: true, events: events.slice(0, 1) });
      pieces.push([first, received(last, { events: events.slice(1) })]);
    } else pieces.push([received(last, { events })]);
    at = end;
  }
  if (one.isCanceled) {
    const cancel: TranscriptEntry = { sent: { cancel_request: watchId } };
    pieces.push([cancel, received(head, { canceled: true })]);
  }
  return pieces;
}

function eventOf(change: Change, withPrevious: boolean, truth: Truth): Message {
  const previous = truth.at(change.key, change.modRevision - 1);
  const prev = withPrevious && previous !== undefined ? { prev_kv: keyValueOf(previous) } : {};
  const type = change.type === "delete" ? { type: 1 } : {};
  return { ...type, kv: keyValueOf(change), ...prev };
}

function keyValueOf(change: Change): Message {
  const fields: Message = { key: Buffer.from(change.key), mod_revision: change.modRevision };
  if (change.type === "delete") return fields;
  const { createRevision: create_revision, version, value } = change;
  return { ...fields, create_revision, version, value: Buffer.from(value) };
}

/** Creates are answered in order; from then on the watchers' responses come in any order. */
function interleave(
  streams: readonly TranscriptEntry[][][],
  order: readonly number[],
): TranscriptEntry[] {
  const merged = streams.flatMap((pieces) => pieces[0] ?? []);
  const rest = streams.map((pieces) => pieces.slice(1));
  for (let i = 0; ; i++) {
    const waiting = rest.filter((pieces) => pieces.length > 0);
    const next = waiting[(order[i % order.length] ?? 0) % Math.max(1, waiting.length)]?.shift();
    if (next === undefined) return merged;
    merged.push(...next);
  }
}

/** Makes one fault somewhere in the history; undefined when there is no place for it. */
export type Mutation = (history: WatchHistory, pick: number) => WatchHistory | undefined;

export const mutations: readonly (readonly [name: string, mutate: Mutation])[] = [
  ["a lost event", ofEvents((events, at) => events.toSpliced(at, 1))],
  ["a doubled event", ofEvents((events, at) => events.toSpliced(at, 0, events[at] as Message))],
  [
    "an event one revision off",
    ofEvents((events, at) => events.with(at, shifted(events[at] as Message))),
  ],
  [
    "another value",
    ofEvents((events, at) => {
      const kv = (events[at] as Message)["kv"] as Message;
      const changed = { ...(events[at] as Message), kv: { ...kv, value: Buffer.from("?") } };
      return events.with(at, changed);
    }),
  ],
  ["a lost response", ofResponses((all, at) => all.toSpliced(at, 1))],
  [
    "a doubled response",
    ofResponses((all, at) => all.toSpliced(at, 0, all[at] as TranscriptEntry)),
  ],
  ["an event before created", ofResponses((all, at) => [all[at] as TranscriptEntry, ...all])],
];

function shifted(event: Message): Message {
  const kv = event["kv"] as Message;
  return { ...event, kv: { ...kv, mod_revision: Number(kv["mod_revision"]) - 1 } };
}

/** Not those of watchers that are cancelled: what a cancel overtakes need not come any more. */
function ofResponses(
  change: (transcript: readonly TranscriptEntry[], at: number) => TranscriptEntry[],
): Mutation {
  return (history, pick) => {
    const idOf = (entry: TranscriptEntry, field: string): FieldValue | undefined =>
      "received" in entry && field in entry.received
        ? (entry.received["watch_id"] ?? 0)
        : undefined;
    const canceled = new Set(history.transcript.map((entry) => idOf(entry, "canceled")));
    const places = history.transcript.flatMap((entry, at) =>
      canceled.has(idOf(entry, "events")) || idOf(entry, "events") === undefined ? [] : [at],
    );
    const at = places[pick % Math.max(1, places.length)];
    if (at === undefined) return undefined;
    return { ...history, transcript: change(history.transcript, at) };
  };
}

function ofEvents(change: (events: Message[], at: number) => Message[]): Mutation {
  return ofResponses((transcript, at) => {
    const entry = transcript[at];
    if (entry === undefined || !("received" in entry)) throw new Error("a place is a response");
    const { received } = entry;
    const events = received["events"] as Message[];
    return transcript.with(at, {
      received: { ...received, events: change(events, at % events.length) },
    });
  });
}
