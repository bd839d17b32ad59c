import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { Distributor } from "../../src/watch/distributor.ts";
import { EventBlock, type EventSource } from "../../src/watch/event-block.ts";
import type { EventSink } from "../../src/watch/event-sink.ts";
import type { WatchHub } from "../../src/watch/hub.ts";
import { ResponseHead, type WatchId } from "../../src/watch/response-head.ts";
import { takeSeat } from "../../src/watch/audience.ts";
import { ClassIndex } from "../../src/watch/class-index.ts";
import { WatchStream } from "../../src/watch/watch-stream.ts";
import { SYNCED, Watcher } from "../../src/watch/watcher.ts";
import {
  decodeMessage,
  encodeMessage,
  type FieldValue,
  type Message,
} from "../support/wire-codec.ts";
import { eventSource, previousKeyValue } from "./event-source.ts";
import { latin1 } from "./model-store.ts";

interface Sent {
  readonly bytes: Uint8Array;
  readonly body: Uint8Array;
  readonly how: "offer" | "control";
}

/** Keeps each message, and the body as it was handed over. */
class Recorder implements EventSink {
  readonly sent: Sent[] = [];
  room = Infinity;

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (this.room === 0) return false;
    this.room--;
    const bytes = Buffer.concat([head.subarray(0, headLength), body]);
    this.sent.push({ bytes, body, how: "offer" });
    return true;
  }

  control(message: Uint8Array): void {
    this.sent.push({ bytes: Buffer.from(message), body: message, how: "control" });
  }

  get messages(): Message[] {
    return this.sent.map(({ bytes }) => decodeMessage("WatchResponse", bytes));
  }

  /** Per message: `rev`, whether a fragment, and the keys with their revisions. */
  get summary(): string[] {
    return this.messages.map((message) => {
      const header = message["header"] as Message;
      const events = (message["events"] ?? []) as Message[];
      const keys = events.map(
        ({ kv }) => `${textOf(kv, "key")}@${(kv as Message)["mod_revision"]}`,
      );
      return [`${header["revision"]}`, message["fragment"] === true ? "+" : ".", ...keys].join(" ");
    });
  }
}

/** A bytes field as latin-1 text; empty when the field or the whole message is absent. */
function textOf(message: FieldValue | undefined, field: string): string {
  const value = (message as Message | undefined)?.[field] as Uint8Array | undefined;
  return Buffer.from(value ?? []).toString("latin1");
}

interface WatchOptions {
  readonly end?: string;
  readonly id?: WatchId;
  readonly fragment?: boolean;
  readonly prevKv?: boolean;
}

/** One distributor, and the classes it finds; everybody is level. */
class Desk {
  readonly refused: [WatchId, number][] = [];
  readonly index = new ClassIndex();
  readonly asked: string[] = [];
  readonly distributor: Distributor;

  constructor(bounds: { responseBytesMax?: number; fragmentBytes?: number } = {}) {
    this.distributor = new Distributor({
      head: new ResponseHead({ clusterId: 1n, memberId: 2n, raftTerm: 3n }),
      index: this.index,
      history: {
        compacted: -1,
        history: () => undefined,
        previousOf: (key, revision) => {
          this.asked.push(`${Buffer.from(key).toString("latin1")}@${revision}`);
          return previousKeyValue(Buffer.from(key).toString("latin1"), "old");
        },
        newestRevision: () => 0,
        visitAlive: () => undefined,
      },
      newestRevision: () => 0,
      responseBytesMax: bounds.responseBytesMax ?? 1024 * 1024,
      fragmentBytes: bounds.fragmentBytes ?? 2 * 1024 * 1024,
      refused: (watcher, next) => this.refused.push([watcher.id, next]),
    });
  }

  watch(key: string, options: WatchOptions = {}): Recorder {
    const recorder = new Recorder();
    const watchClass = this.index.ensure({
      range: parseKeyRange(latin1(key), latin1(options.end ?? "")),
      noPut: false,
      noDelete: false,
      prevKv: options.prevKv ?? false,
    });
    const watcher = new Watcher(newStream(recorder), watchClass, {
      id: options.id ?? 0,
      fragment: options.fragment ?? false,
      progressNotify: false,
      position: SYNCED,
      createdSecond: 0,
    });
    takeSeat(watchClass, watcher);
    return recorder;
  }

  distribute(events: readonly EventSource[]): EventBlock {
    const block = new EventBlock(events.reduce((sum, one) => sum + EventBlock.encodedSize(one), 0));
    for (const event of events) block.append(event);
    this.distributor.distribute({
      block,
      from: 0,
      to: block.count,
      audience: "synced",
      through: block.lastRevision,
    });
    return block;
  }
}

const ALL: WatchOptions = { end: "\0" };

describe("bodies", () => {
  it("lie in the block's memory where the events are neighbours, and are shared", () => {
    const desk = new Desk();
    const [first, second] = [desk.watch("a", { end: "c" }), desk.watch("a", { end: "c", id: 9 })];
    const block = desk.distribute([
      eventSource(2, "x"),
      eventSource(3, "a"),
      eventSource(3, "b"),
      eventSource(4, "x"),
    ]);
    for (const { sent } of [first, second]) {
      expect(sent[0]?.body.buffer).toBe(block.slab.buffer);
      expect(sent[0]?.body.byteOffset).toBe(block.slab.byteOffset + block.start(1));
      expect(sent[0]?.body.length).toBe(block.start(3) - block.start(1));
    }
    expect(second.messages[0]).toEqual({ ...first.messages[0], watch_id: 9 });
    expect(desk.distributor.eventsSent).toBe(4);
  });

  it("are copied once where they are not, and shared all the same", () => {
    const desk = new Desk();
    const [first, second] = [desk.watch("a"), desk.watch("a", { id: 9 })];
    const block = desk.distribute([eventSource(2, "a"), eventSource(2, "x"), eventSource(3, "a")]);
    expect(first.sent[0]?.body.buffer).not.toBe(block.slab.buffer);
    expect(first.sent[0]?.body).toBe(second.sent[0]?.body);
    expect(first.summary).toEqual(["3 . a@2 a@3"]);
  });

  it("are never written again, however many follow", () => {
    const desk = new Desk();
    const gappy = desk.watch("a");
    const previous = desk.watch("a", { prevKv: true });
    const copies: [Uint8Array, Uint8Array][] = [];
    for (let i = 0; i < 60; i++) {
      const size = 20_000 * (i % 5);
      desk.distribute([
        eventSource(2 + i, "a", { size, previous: `p${i}` }),
        eventSource(2 + i, "x"),
        eventSource(2 + i, "a"),
      ]);
      for (const { sent } of [gappy, previous]) {
        const body = sent.at(-1)?.body ?? new Uint8Array(0);
        copies.push([body, body.slice()]);
      }
    }
    for (const [body, copy] of copies) expect(Buffer.compare(body, copy)).toBe(0);
  });

  it("are the same bytes as a plain encoder's, with and without values before", () => {
    const desk = new Desk();
    const plain = desk.watch("a", ALL);
    const previous = desk.watch("a", { ...ALL, prevKv: true, id: 5 });
    desk.distribute([
      eventSource(7, "a", { size: 120, previous: "before" }),
      eventSource(7, "b", { size: 3 }),
      eventSource(7, "c", { type: "delete", previous: "gone" }),
    ]);
    for (const { sent, messages } of [plain, previous]) {
      // Ours puts the fields in the order of their numbers as well, so the bytes are equal.
      const again = encodeMessage("WatchResponse", messages[0] ?? {});
      expect(Buffer.from(sent[0]?.bytes ?? [])).toEqual(again);
    }
    const events = previous.messages[0]?.["events"] as Message[];
    const befores = events.map((event) => textOf(event["prev_kv"], "value"));
    expect(befores).toEqual(["before", "", "gone"]);
  });
});

describe("the value before", () => {
  it("is asked of the store only for who wants it, and never for a creation (W29)", () => {
    const desk = new Desk();
    desk.watch("a", ALL);
    desk.distribute([eventSource(2, "a", { isCreate: false })]);
    expect(desk.asked).toEqual([]);
    const wants = desk.watch("b", { prevKv: true });
    desk.distribute([
      eventSource(3, "a", { isCreate: false }),
      eventSource(3, "b", { isCreate: true }),
      eventSource(4, "b", { isCreate: false }),
      eventSource(5, "b", { type: "delete", previous: "kept" }),
    ]);
    expect(desk.asked).toEqual(["b@4"]);
    expect(wants.summary).toEqual(["5 . b@3 b@4 b@5"]);
  });
});

describe("cuts between revisions", () => {
  const size = (events: readonly EventSource[]) =>
    events.reduce((sum, event) => sum + EventBlock.encodedSize(event), 0);

  it("fall where the next revision would be one byte too much (D9)", () => {
    const events = [2, 3, 4].map((revision) => eventSource(revision, "a", { size: 100 }));
    const exact = new Desk({ responseBytesMax: size(events) });
    const whole = exact.watch("a");
    exact.distribute(events);
    expect(whole.summary).toEqual(["4 . a@2 a@3 a@4"]);
    const short = new Desk({ responseBytesMax: size(events) - 1 });
    const cut = short.watch("a");
    short.distribute(events);
    expect(cut.summary).toEqual(["3 . a@2 a@3", "4 . a@4"]);
  });

  it("promise in the header no more than up to the next event that is left (D1)", () => {
    const desk = new Desk({ responseBytesMax: 60 });
    const a = desk.watch("a");
    desk.distribute([
      eventSource(2, "a", { size: 30 }),
      eventSource(3, "x"),
      eventSource(6, "a", { size: 30 }),
      eventSource(9, "x"),
    ]);
    expect(a.summary).toEqual(["5 . a@2", "9 . a@6"]);
  });

  it("never split a revision, and leave a huge one alone", () => {
    const desk = new Desk({ responseBytesMax: 100 });
    const all = desk.watch("a", ALL);
    desk.distribute([
      eventSource(2, "a"),
      eventSource(3, "a", { size: 90 }),
      eventSource(3, "b", { size: 90 }),
      eventSource(3, "c", { size: 90 }),
      eventSource(4, "a"),
      eventSource(5, "a"),
    ]);
    expect(all.summary).toEqual(["2 . a@2", "3 . a@3 b@3 c@3", "5 . a@4 a@5"]);
  });

  it("count the values before, each with its own event", () => {
    const desk = new Desk({ responseBytesMax: 140 });
    const plain = desk.watch("a");
    const previous = desk.watch("a", { prevKv: true });
    desk.distribute(
      [2, 3, 4].map((revision) =>
        eventSource(revision, "a", { previous: `${revision}`.repeat(50) }),
      ),
    );
    expect(plain.summary).toEqual(["4 . a@2 a@3 a@4"]);
    expect(previous.summary).toEqual(["2 . a@2", "3 . a@3", "4 . a@4"]);
    const values = previous.messages.map((message) => {
      const [event] = message["events"] as Message[];
      return textOf(event?.["prev_kv"], "value");
    });
    expect(values).toEqual(["2".repeat(50), "3".repeat(50), "4".repeat(50)]);
  });

  it("fall at one MiB by default, between revisions of any number of events", () => {
    const desk = new Desk();
    const all = desk.watch("a", ALL);
    const events = Array.from({ length: 3000 }, (_, i) =>
      eventSource(2 + (i >> 1), `a${i}`, { size: 1000 }),
    );
    desk.distribute(events);
    const counts = all.messages.map((message) => (message["events"] as Message[]).length);
    expect(counts.reduce((sum, count) => sum + count)).toBe(3000);
    expect(counts.every((count) => count % 2 === 0)).toBe(true);
    for (const [i, { body }] of all.sent.entries()) {
      expect(body.length).toBeLessThanOrEqual(1024 * 1024);
      if (i < all.sent.length - 1) expect(body.length).toBeGreaterThan(1024 * 1024 - 2 * 1100);
    }
  });
});

describe("fragments", () => {
  const txn = (sizes: readonly number[], revision = 2) =>
    sizes.map((one, i) => eventSource(revision, `k${i}`, { size: one }));

  /** The rule as W60 and W61 state it, on whole encoded messages. */
  function naive(message: Message, bound: number): string[] {
    const events = message["events"] as Message[];
    const length = (fields: Message) => encodeMessage("WatchResponse", fields).length;
    if (length(message) < bound || events.length < 2) return [`${events.length}.`];
    const parts: string[] = [];
    let at = 0;
    while (at < events.length) {
      const first = at;
      while (at < events.length) {
        const part = { ...message, fragment: true, events: events.slice(first, at + 1) };
        if (at > first && length(part) >= bound) break;
        at++;
      }
      parts.push(`${at - first}${at < events.length ? "+" : "."}`);
    }
    return parts;
  }

  function partsOf(recorder: Recorder): string[] {
    return recorder.messages.map((message) => {
      const { length } = message["events"] as Message[];
      return `${length}${message["fragment"] === true ? "+" : "."}`;
    });
  }

  it("fall byte for byte where etcd's rule puts them (W60, W61)", () => {
    const shapes = [
      [10, 10],
      [50, 50, 50, 50, 50],
      [300, 10, 10],
      [10, 300, 10],
      [10, 10, 300],
      [10],
      [500],
      [0, 0, 0, 0, 0, 0, 0, 0],
      [100, 120, 90, 130, 1, 1, 1],
    ];
    for (const shape of shapes) {
      for (const id of [0, 300]) {
        for (let bound = 60; bound < 330; bound++) {
          const desk = new Desk({ fragmentBytes: bound });
          const asked = desk.watch("k", { ...ALL, fragment: true, id });
          const whole = desk.watch("k", { ...ALL, id });
          desk.distribute(txn(shape));
          expect(whole.sent).toHaveLength(1);
          expect(partsOf(asked), `${shape} at ${bound}`).toEqual(
            naive(whole.messages[0] ?? {}, bound),
          );
        }
      }
    }
  });

  it("put together are the whole response, header and id in each (W61)", () => {
    const desk = new Desk({ fragmentBytes: 200 });
    const asked = desk.watch("k", { ...ALL, fragment: true, id: 3, prevKv: true });
    const whole = desk.watch("k", { ...ALL, id: 3, prevKv: true });
    desk.distribute(
      Array.from({ length: 9 }, (_, i) => eventSource(4, `k${i}`, { size: 20, previous: "b" })),
    );
    const { events, ...head } = whole.messages[0] ?? {};
    expect(asked.messages.length).toBeGreaterThan(2);
    expect(asked.messages.flatMap((message) => message["events"] as Message[])).toEqual(events);
    for (const message of asked.messages.slice(0, -1)) {
      expect(message).toEqual({ ...head, fragment: true, events: message["events"] });
    }
    const last = asked.messages.at(-1);
    expect(last).toEqual({ ...head, events: last?.["events"] });
  });

  it("are refused as a whole or follow as a whole (W63)", () => {
    const desk = new Desk({ fragmentBytes: 100 });
    const none = desk.watch("k", { ...ALL, fragment: true, id: 1 });
    none.room = 0;
    const one = desk.watch("k", { ...ALL, fragment: true, id: 2 });
    one.room = 1;
    desk.distribute(txn([60, 60, 60]));
    expect(none.sent).toEqual([]);
    expect(one.sent.map(({ how }) => how)).toEqual(["offer", "control", "control"]);
    expect(desk.refused).toEqual([[1, 2]]);
    expect(desk.distributor.eventsSent).toBe(3);
  });

  it("come of a single revision, or of several that fit one response", () => {
    const desk = new Desk({ fragmentBytes: 100, responseBytesMax: 150 });
    const asked = desk.watch("k", { ...ALL, fragment: true });
    desk.distribute([2, 3, 4].map((revision) => eventSource(revision, "k", { size: 50 })));
    expect(asked.summary).toEqual(["3 + k@2", "3 . k@3", "4 . k@4"]);
  });
});

describe("refusals", () => {
  it("name the first revision that was not taken", () => {
    const desk = new Desk({ responseBytesMax: 100 });
    const slow = desk.watch("k", { id: 1 });
    slow.room = 1;
    const fast = desk.watch("k", { id: 2 });
    desk.distribute([2, 5, 8].map((revision) => eventSource(revision, "k", { size: 70 })));
    expect(fast.summary).toEqual(["4 . k@2", "7 . k@5", "8 . k@8"]);
    expect(slow.summary).toEqual(["4 . k@2"]);
    // Here nobody is unseated, so that each refusal shows; the hub would have parked it at 5.
    expect(desk.refused).toEqual([
      [1, 5],
      [1, 8],
    ]);
  });

  it("of one watcher do not touch the others, wherever it sits", () => {
    for (const slowSeat of [0, 1, 2]) {
      const desk = new Desk();
      const recorders = [0, 1, 2].map((id) => desk.watch("k", { id }));
      const slow = recorders[slowSeat]!;
      slow.room = 0;
      desk.distribute([eventSource(toRevision(2), "k")]);
      expect(recorders.map(({ sent }) => sent.length)).toEqual(
        [0, 1, 2].map((seat) => (seat === slowSeat ? 0 : 1)),
      );
      expect(desk.refused).toEqual([[slowSeat, 2]]);
    }
  });
});

function newStream(recorder: Recorder): WatchStream {
  return new WatchStream({} as WatchHub, recorder, { number: 1, client: { peer: "", user: "" } });
}
