import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeyRange, parseKeyRange, rangeContains } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import type { EventSource } from "../../src/watch/event-block.ts";
import type { EventSink } from "../../src/watch/event-sink.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import { joinRanges } from "../../src/watch/watch-range.ts";
import type { WatchStream } from "../../src/watch/watch-stream.ts";
import { decodeResponse, type SeenEvent, type SeenResponse } from "./model-client.ts";
import {
  latin1,
  type ModelEvent,
  type ModelKeyValue,
  type ModelOp,
  ModelStore,
  stateAt,
  toSource,
} from "./model-store.ts";

const KEYS = ["a", "b", "c", "ab", "\xff"];
const key = fc.constantFrom(...KEYS);
const op: fc.Arbitrary<ModelOp> = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    key,
    value: fc.string({ maxLength: 40, unit: "binary-ascii" }),
  }),
  fc.record({
    kind: fc.constant("delete" as const),
    key,
    reason: fc.constantFrom("request" as const, "lease-expiry" as const),
  }),
);
const revisionOps = fc.uniqueArray(op, { minLength: 1, maxLength: 3, selector: (o) => o.key });
const range: fc.Arbitrary<readonly string[]> = fc.constantFrom<readonly string[]>(
  ["a", ""],
  ["b", ""],
  ["a", "b"],
  ["a", "\0"],
  ["ab", "c"],
  ["c", ""],
  ["\xff", ""],
);
const stream = fc.nat({ max: 1 });

/** Bits of what a watcher may ask for; `filtered` goes with the two before it. */
const ASK = {
  noPut: 1,
  noDelete: 2,
  filtered: 4,
  prevKv: 8,
  fragment: 16,
  keysOnly: 32,
  latestOnly: 64,
  deleteReason: 128,
  state: 256,
  progress: 512,
} as const;

type Step =
  | { kind: "apply"; groups: ModelOp[][] }
  | { kind: "create"; stream: number; ranges: (readonly string[])[]; start: number; asks: number }
  | { kind: "cancel" | "progress" | "tick" | "read"; stream: number; pick: number }
  | { kind: "room"; stream: number; room: number }
  | { kind: "compact"; back: number }
  | { kind: "commit" | "step"; times: number };

const step: fc.Arbitrary<Step> = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant("apply" as const),
      groups: fc.array(revisionOps, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      stream,
      ranges: fc.oneof(
        fc.constant<(readonly string[])[]>([["a", "\0"]]),
        fc.array(range, { minLength: 1, maxLength: 3 }),
      ),
      start: fc.oneof(fc.constant(0), fc.integer({ min: -12, max: 3 })),
      // Some often, so that watchers share a class.
      asks: fc.oneof(
        fc.constantFrom(ASK.state, ASK.latestOnly, ASK.state + ASK.latestOnly),
        fc.nat({ max: 1023 }),
      ),
    }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constantFrom(...(["cancel", "progress", "tick", "read", "read", "read"] as const)),
      stream,
      pick: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("room" as const),
      stream,
      room: fc.constantFrom(0, 1, 2, Infinity),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.nat({ max: 6 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom("commit" as const, "step" as const),
      times: fc.nat({ max: 3 }),
    }),
  },
);

/** Takes messages while there is room, each with the head at which it was sent. */
class Client implements EventSink {
  room = Infinity;
  #queue: { readonly bytes: Buffer; readonly head: number }[] = [];
  #taken = 0;
  #refused = false;
  readonly #head: () => number;

  constructor(head: () => number) {
    this.#head = head;
  }

  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    if (this.#taken >= this.room) {
      this.#refused = true;
      return false;
    }
    this.#taken++;
    this.control(Buffer.concat([head.subarray(0, headLength), body]));
    return true;
  }

  control(message: Uint8Array): void {
    this.#queue.push({ bytes: Buffer.from(message), head: this.#head() });
  }

  read(see: (response: SeenResponse, head: number) => void): boolean {
    for (const { bytes, head } of this.#queue) see(decodeResponse(bytes), head);
    this.#queue = [];
    this.#taken = 0;
    const mustDrain = this.#refused;
    this.#refused = false;
    return mustDrain;
  }
}

/** What one watcher asked for, and how far it is. */
class Expectation {
  readonly ranges: readonly KeyRange[];
  readonly asks: number;
  readonly start: number;
  readonly store: ModelStore;
  /** The first revision whose events may still come. */
  next = 0;
  /** The KeyValues of the state that are still to come; undefined once the marker has come. */
  state: ModelKeyValue[] | undefined;
  stateRevision = 0;
  /** Whether something was skipped that no response has told yet. */
  skipUntold = false;
  open: SeenEvent[] = [];

  constructor(store: ModelStore, ranges: readonly KeyRange[], start: number, asks: number) {
    this.store = store;
    this.ranges = ranges;
    this.start = start;
    this.asks = asks;
  }

  has(ask: keyof typeof ASK): boolean {
    const isFilter = ask === "noPut" || ask === "noDelete";
    const isOn = (bit: number): boolean => (this.asks & bit) !== 0;
    return isOn(ASK[ask]) && (!isFilter || isOn(ASK.filtered));
  }

  created(revision: number): void {
    this.next = this.start === 0 ? revision + 1 : this.start;
    if (!this.has("state")) return;
    this.stateRevision = revision;
    this.state = this.has("noPut")
      ? []
      : stateAt(this.store.events, revision).filter((one) => this.#covers(one.key));
  }

  /** Events of its ranges that its filters pass, from `next` to `to`. */
  owed(to: number): ModelEvent[] {
    return this.store.events.filter(
      ({ revision, type, key: one }) =>
        revision >= this.next &&
        revision <= to &&
        this.#covers(one) &&
        !this.has(type === "put" ? "noPut" : "noDelete"),
    );
  }

  see(response: SeenResponse, head: number): void {
    if (!this.has("latestOnly")) expect(response.skipped).toBe(false);
    if (this.state !== undefined) this.#seeState(response, this.state);
    else this.#seeChanges(response, head);
  }

  /** A promise that nothing up to the revision is still to come, but what was skipped. */
  passed(revision: number, head: number): void {
    expect(this.state).toBe(undefined);
    if (this.#skips([], revision, head)) this.skipUntold = true;
    this.next = Math.max(this.next, revision + 1);
  }

  #covers(one: string): boolean {
    return this.ranges.some((part) => rangeContains(part, latin1(one)));
  }

  #seeState(response: SeenResponse, owed: ModelKeyValue[]): void {
    expect(response.revision).toBe(this.stateRevision);
    expect(response.skipped).toBe(false);
    if (response.stateComplete) {
      expect([response.events, owed]).toEqual([[], []]);
      this.state = undefined;
      return;
    }
    expect(response.events.length).toBeGreaterThan(0);
    for (const { type, keyValue, previous } of response.events) {
      expect([type, previous]).toEqual(["put", undefined]);
      expect(keyValue).toEqual(this.#asWanted(owed.shift()));
    }
  }

  #seeChanges(response: SeenResponse, head: number): void {
    expect(response.stateComplete).toBe(false);
    this.open.push(...response.events);
    if (response.fragment) {
      expect(this.has("fragment")).toBe(true);
      return;
    }
    const skips = this.#skips(this.open, response.revision, head);
    expect(response.skipped).toBe(skips || this.skipUntold);
    this.skipUntold = false;
    this.open = [];
    this.next = Math.max(this.next, response.revision + 1);
  }

  /** Checks what came against what was owed; whether any of it was left out, as it may have been. */
  #skips(came: SeenEvent[], to: number, head: number): boolean {
    const rest = [...came];
    let skips = false;
    for (const owed of this.owed(to)) {
      const isNext = rest[0]?.keyValue.key === owed.key && rest[0].keyValue.mod === owed.revision;
      if (isNext) {
        this.#check(rest.shift()!, owed);
        continue;
      }
      // Only for whoever asked, and only when a newer change was durable when the message left.
      expect(this.has("latestOnly"), `${owed.key}@${owed.revision} is missing`).toBe(true);
      const newest = this.store.newestRevision(latin1(owed.key), toRevision(head));
      expect(newest, `${owed.key}@${owed.revision} was skipped`).toBeGreaterThan(owed.revision);
      skips = true;
    }
    expect(rest, "events that nobody is owed").toEqual([]);
    return skips;
  }

  #check(event: SeenEvent, owed: ModelEvent): void {
    expect(event.type).toBe(owed.type);
    if (owed.keyValue !== undefined) {
      expect(event.keyValue).toEqual(this.#asWanted(owed.keyValue));
    }
    const isExpiry = owed.deleteReason === "lease-expiry";
    expect(event.isExpiry).toBe(isExpiry && this.has("deleteReason"));
    const isGone = event.previous === undefined && owed.revision - 1 < this.store.compacted;
    const wanted = this.has("prevKv") && owed.keyValue?.create !== owed.revision;
    if (!isGone || !wanted) {
      expect(event.previous).toEqual(wanted ? this.#asWanted(owed.previous) : undefined);
    }
  }

  #asWanted(keyValue: ModelKeyValue | undefined): ModelKeyValue | undefined {
    return keyValue !== undefined && this.has("keysOnly") ? { ...keyValue, value: "" } : keyValue;
  }
}

/** One client and its stream. */
class Observer {
  readonly client: Client;
  readonly stream: WatchStream;
  readonly live = new Map<bigint, Expectation>();
  readonly creating: { readonly expectation: Expectation; readonly isRefused: boolean }[] = [];

  constructor(hub: WatchHub) {
    this.client = new Client(() => hub.head);
    this.stream = hub.open(this.client);
  }

  readAll(): void {
    const mustDrain = this.client.read((response, head) => this.#see(response, head));
    if (mustDrain) this.stream.drained();
  }

  #see(response: SeenResponse, head: number): void {
    if (response.created) {
      const pending = this.creating.shift();
      expect(response.canceled).toBe(pending?.isRefused);
      if (response.canceled) return;
      pending!.expectation.created(response.revision);
      this.live.set(response.id, pending!.expectation);
      return;
    }
    if (response.id === -1n) {
      for (const one of this.live.values()) one.passed(response.revision, head);
      return;
    }
    const expectation = this.live.get(response.id);
    if (!response.canceled) {
      expectation!.see(response, head);
      return;
    }
    // A cancel that crossed a compaction's is answered all the same (D3).
    if (expectation === undefined) return;
    this.live.delete(response.id);
    const { compactRevision } = response;
    if (compactRevision === 0) return;
    // What was still to come is gone: the rest of the state, or a change.
    const isListing = expectation.state !== undefined;
    const cursor = isListing ? expectation.stateRevision : expectation.next;
    expect(cursor).toBeLessThan(compactRevision);
  }
}

class World {
  readonly store = new ModelStore();
  readonly hub: WatchHub;
  readonly observers: readonly Observer[];
  /** Applied, and so in the store, but not durable yet. */
  readonly #pending: EventSource[][] = [];

  constructor(eventLogBytes: number, eventsPerStep: number) {
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 3n, raftTerm: 2n },
      head: toRevision(1),
      compacted: -1,
      history: this.store,
      limits: { watchersPerStream: 8, watchersTotal: 20 },
      eventLogBytes,
      responseBytesMax: 120,
      fragmentBytes: 90,
      eventsPerStep,
      wake: () => undefined,
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
    });
    this.observers = [new Observer(this.hub), new Observer(this.hub)];
  }

  run(next: Step): void {
    switch (next.kind) {
      case "apply":
        for (const ops of next.groups) {
          const events = this.store.apply(ops);
          if (events === undefined) continue;
          this.#pending.push(events.map((event) => toSource(event, this.hub.wantsPrevious)));
        }
        break;
      case "commit":
        this.hub.commit(this.#pending.splice(0, next.times));
        break;
      case "create":
        this.#create(next);
        break;
      case "step":
        for (let i = 0; i < next.times; i++) this.hub.step();
        break;
      case "compact": {
        const revision = this.hub.head - next.back;
        if (revision <= this.store.compacted) return;
        this.store.compacted = revision;
        this.hub.compact(toRevision(revision));
        break;
      }
      case "room":
        this.observers[next.stream]!.client.room = next.room;
        break;
      default:
        this.#onStream(next.kind, this.observers[next.stream]!, next.pick);
    }
    this.hub.checkInvariants();
  }

  #create(next: Extract<Step, { kind: "create" }>): void {
    const observer = this.observers[next.stream]!;
    const ranges = next.ranges.map(([from, to]) => parseKeyRange(latin1(from!), latin1(to!)));
    const start = next.start === 0 ? 0 : Math.max(this.hub.head + next.start, 1);
    const expectation = new Expectation(this.store, ranges, start, next.asks);
    const state = expectation.has("state");
    const isFull = observer.stream.size >= 8;
    observer.creating.push({ expectation, isRefused: isFull || (state && start !== 0) });
    observer.stream.create({
      id: 0,
      interest: {
        range: joinRanges(ranges),
        noPut: expectation.has("noPut"),
        noDelete: expectation.has("noDelete"),
        prevKv: expectation.has("prevKv"),
        extras: {
          keysOnly: expectation.has("keysOnly"),
          latestOnly: expectation.has("latestOnly"),
          deleteReason: expectation.has("deleteReason"),
        },
      },
      startRevision: start,
      state,
      progressNotify: expectation.has("progress"),
      fragment: expectation.has("fragment"),
    });
  }

  #onStream(kind: "cancel" | "progress" | "tick" | "read", observer: Observer, pick: number): void {
    const id = [...observer.live.keys()][pick];
    if (kind === "cancel" && id !== undefined) observer.stream.cancel(Number(id));
    if (kind === "progress") observer.stream.requestProgress();
    if (kind === "tick") observer.stream.progressTick();
    if (kind === "read") observer.readAll();
  }

  /** Everybody reads to the end: afterwards nobody is owed anything that may not be skipped. */
  settle(): void {
    this.hub.commit(this.#pending.splice(0));
    for (const { client } of this.observers) client.room = Infinity;
    for (let round = 0; round < 200; round++) {
      for (const observer of this.observers) observer.readAll();
      this.hub.step();
      this.hub.checkInvariants();
    }
    expect(this.hub.busy).toBe(false);
    const { head } = this.hub;
    for (const { live, creating } of this.observers) {
      expect(creating).toEqual([]);
      for (const expectation of live.values()) expectation.passed(head, head);
    }
  }
}

describe("a watch that asks for more than etcd's, against a naive store", () => {
  it("is sent what it is owed in the form that it wants, whatever it combines", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60, size: "max" }),
        fc.constantFrom(2600, 6000, 12_000),
        fc.constantFrom(3, 20),
        (steps, eventLogBytes, eventsPerStep) => {
          const world = new World(eventLogBytes, eventsPerStep);
          for (const next of steps) world.run(next);
          world.settle();
        },
      ),
      { numRuns: 600 },
    );
  }, 60_000);
});
