import { expect, test } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import type { EventSink } from "../../src/watch/event-sink.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import type { WatchStream } from "../../src/watch/watch-stream.ts";
import { decodeResponse } from "./model-client.ts";
import { latin1, ModelStore, toSource } from "./model-store.ts";

/** Remembers what it was offered, the bodies as they came; takes nothing while it is full. */
class Reader implements EventSink {
  readonly bodies: Uint8Array[] = [];
  readonly messages: Buffer[] = [];
  isFull = false;

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (this.isFull) return false;
    this.bodies.push(body);
    this.messages.push(Buffer.concat([head.subarray(0, headLength), body]));
    return true;
  }

  control(): void {}

  get keys(): string {
    const events = this.messages.flatMap((message) => decodeResponse(message).events);
    return events.map(({ keyValue }) => keyValue.key).join("");
  }
}

/** The keys a to h without c, d and e; a step looks at two. */
class Desk {
  readonly store = new ModelStore();
  readonly hub: WatchHub;
  /** Keys that were looked at, step by step. */
  readonly looked: number[] = [];

  constructor() {
    const history = this.store;
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 3n },
      head: toRevision(1),
      compacted: -1,
      history,
      limits: { watchersPerStream: 10, watchersTotal: 100 },
      eventLogBytes: 64 * 1024,
      responseBytesMax: 1024,
      fragmentBytes: 1024,
      eventsPerStep: 16,
      wake: () => undefined,
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
    });
    const state = history.visitAlive.bind(history);
    history.visitAlive = (range, slice, visit) => {
      const before = slice.keysLeft;
      const next = state(range, slice, visit);
      this.looked.push(before - Math.max(slice.keysLeft, 0));
      return next;
    };
    for (const key of "abcdefgh") this.commit({ kind: "put", key, value: "v" });
    for (const key of "cde") this.commit({ kind: "delete", key });
  }

  commit(op: Parameters<ModelStore["apply"]>[0][number]): void {
    const events = this.store.apply([op]) ?? [];
    this.hub.commit([events.map((event) => toSource(event, false))]);
  }

  list(from = "a", to = "z"): { readonly reader: Reader; readonly stream: WatchStream } {
    const reader = new Reader();
    const stream = this.hub.open(reader);
    stream.create({
      id: 0,
      interest: {
        range: parseKeyRange(latin1(from), latin1(to)),
        noPut: false,
        noDelete: false,
        prevKv: false,
      },
      startRevision: 0,
      state: true,
      progressNotify: false,
      fragment: false,
    });
    return { reader, stream };
  }

  run(): void {
    while (this.hub.busy) this.hub.step();
    this.hub.checkInvariants();
  }
}

test("watchers of a class that ask at the same revision share the reading and the bytes", () => {
  const desk = new Desk();
  const [one, other] = [desk.list(), desk.list()];
  desk.run();
  expect(desk.looked).toEqual([2, 2, 1]);
  expect(one.reader.keys).toBe("abfgh");
  expect(other.reader.bodies.length).toBe(4);
  for (const [i, body] of one.reader.bodies.entries()) expect(other.reader.bodies[i]).toBe(body);
});

test("whoever was parked joins a listing that stands where it stopped", () => {
  const desk = new Desk();
  const [one, other] = [desk.list(), desk.list()];
  desk.hub.step();
  for (const { reader } of [one, other]) reader.isFull = true;
  desk.run();
  for (const { stream } of [one, other]) expect(stream.victims.size).toBe(1);
  expect([one.reader.keys, other.reader.keys]).toEqual(["ab", "ab"]);
  desk.looked.length = 0;
  for (const { reader, stream } of [one, other]) {
    reader.isFull = false;
    stream.drained();
  }
  desk.run();
  expect([one.reader.keys, other.reader.keys]).toEqual(["abfgh", "abfgh"]);
  expect(desk.looked).toEqual([2, 1]);
});

test("listings take turns, and one that nobody waits for takes none", () => {
  const desk = new Desk();
  const [all, some, left] = [desk.list(), desk.list("f"), desk.list("g")];
  left.stream.cancel(0);
  for (let i = 0; i < 3; i++) desk.hub.step();
  expect([all.reader.keys, some.reader.keys]).toEqual(["abfg", "fg"]);
  all.stream.close();
  some.stream.close();
  expect(desk.hub.busy).toBe(false);
  expect(desk.looked.length).toBe(3);
});
