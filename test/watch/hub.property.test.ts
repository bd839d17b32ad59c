import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type KeyRange, parseKeyRange, rangeContains } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import { ModelClient, type SeenResponse } from "./model-client.ts";
import { ManualTime } from "../http2/manual-time.ts";
import { latin1, type ModelOp, ModelStore, toSource } from "./model-store.ts";
import { truthOf } from "./transcript.ts";

const key = fc.constantFrom("a", "b", "c", "ab", "a\xff", "\xff");
const op: fc.Arbitrary<ModelOp> = fc.oneof(
  fc.record({
    kind: fc.constant("put" as const),
    key,
    value: fc.string({ maxLength: 40, unit: "binary-ascii" }),
  }),
  fc.record({ kind: fc.constant("delete" as const), key }),
);
const revisionOps = fc.uniqueArray(op, { minLength: 1, maxLength: 4, selector: (o) => o.key });
const keyRange: fc.Arbitrary<readonly string[]> = fc.constantFrom<readonly string[]>(
  ["a", ""],
  ["b", ""],
  ["a", "b"],
  ["a", "\0"],
  ["\0", "\0"],
  ["c", ""],
  ["b", "\xff"],
);
const stream = fc.nat({ max: 2 });
/** Room for one block, so that the store is often read, and for several. */
const eventLogBytes = fc.constantFrom(2600, 6000, 12_000);

type Step =
  | { kind: "commit"; groups: ModelOp[][] }
  | {
      kind: "create";
      stream: number;
      range: readonly string[];
      start: number;
      options: number;
      id: number;
    }
  | { kind: "cancel" | "progress" | "tick" | "read" | "close"; stream: number; pick: number }
  | { kind: "room"; stream: number; room: number }
  | { kind: "compact"; back: number }
  | { kind: "step"; times: number };

const step: fc.Arbitrary<Step> = fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      groups: fc.array(revisionOps, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("create" as const),
      stream,
      range: keyRange,
      start: fc.integer({ min: -12, max: 6 }),
      options: fc.nat({ max: 31 }),
      id: fc.constantFrom(0, 0, 0, 3, 7),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        ...(["cancel", "progress", "tick", "read", "read", "read", "close"] as const),
      ),
      stream,
      pick: fc.nat({ max: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("room" as const),
      stream,
      room: fc.constantFrom(0, 1, 2, 3, Infinity),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.nat({ max: 8 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("step" as const), times: fc.nat({ max: 4 }) }),
  },
);

/** What a correct server owes one watcher, kept by the test. */
interface Expectation {
  readonly range: KeyRange;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly prevKv: boolean;
  readonly fragment: boolean;
  /** The first revision that may still come. */
  next: number;
  /** Events of a fragmented response that is not complete. */
  open: SeenResponse["events"];
  lastProgress: number;
  ended: boolean;
}

/** One client, its stream, and all that it has been promised. */
class Observer {
  client = new ModelClient();
  /** The clients of streams that were closed. */
  readonly left: ModelClient[] = [];
  readonly expectations = new Map<bigint, Expectation>();
  readonly creating: { expectation: Expectation; id: bigint; refusal: string }[] = [];
  /** Progress answers that may come, and whether one has to. */
  progressAsked = 0;
  progressOwed = false;
  /** How often the cancel of an id was asked for and not answered. */
  readonly cancels = new Map<bigint, number>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    this.open();
  }

  open(): void {
    if (this.client.stream !== undefined) this.left.push(this.client);
    this.client = new ModelClient(this.client.room);
    this.client.stream = this.#world.hub.open(this.client);
    this.expectations.clear();
    this.creating.length = 0;
    this.cancels.clear();
    this.progressAsked = 0;
    this.progressOwed = false;
  }

  get stream() {
    const { stream } = this.client;
    if (stream === undefined) throw new Error("an observer has a stream");
    return stream;
  }

  readAll(): void {
    for (const response of this.client.read()) this.#see(response);
  }

  #see(response: SeenResponse): void {
    if (response.created) {
      this.#seeCreated(response);
      return;
    }
    if (response.id === -1n) {
      // Progress for the whole stream: nothing at or below its revision may be owed any more.
      expect(response.events).toEqual([]);
      expect(this.progressAsked).toBeGreaterThan(0);
      this.progressOwed = false;
      for (const expectation of this.expectations.values()) {
        this.#seeProgress(expectation, response.revision);
      }
      return;
    }
    const expectation = this.expectations.get(response.id);
    // A cancel that crossed a compaction's cancel on its way is answered all the same (D3).
    const asked = this.cancels.get(response.id) ?? 0;
    if (response.canceled && response.compactRevision === 0) {
      expect(asked).toBeGreaterThan(0);
      this.cancels.set(response.id, asked - 1);
      if (expectation === undefined) return;
    }
    if (expectation === undefined) throw new Error(`response for an unknown id ${response.id}`);
    expect(expectation.ended).toBe(false);
    if (response.canceled) {
      expectation.ended = true;
      this.expectations.delete(response.id);
      if (response.compactRevision > 0) {
        expect(response.revision).toBe(0);
        expect(expectation.next).toBeLessThan(response.compactRevision);
      }
    } else if (response.events.length === 0) this.#seeProgress(expectation, response.revision);
    else this.#seeEvents(expectation, response);
  }

  #seeCreated(response: SeenResponse): void {
    const pending = this.creating.shift();
    if (pending === undefined) throw new Error("created without a request");
    if (response.canceled) {
      expect(response.id).toBe(-1n);
      expect(response.cancelReason).toBe(pending.refusal);
      return;
    }
    expect(pending.refusal).toBe("");
    if (pending.id !== 0n) expect(response.id).toBe(pending.id);
    expect(this.expectations.has(response.id)).toBe(false);
    if (pending.expectation.next === 0) pending.expectation.next = response.revision + 1;
    this.expectations.set(response.id, pending.expectation);
  }

  #seeProgress(expectation: Expectation, revision: number): void {
    expect(revision).toBeGreaterThanOrEqual(expectation.lastProgress);
    expectation.lastProgress = revision;
    const owed = this.owed(expectation).filter((event) => event.revision <= revision);
    expect(owed).toEqual([]);
    expectation.next = Math.max(expectation.next, revision + 1);
  }

  /** The events that are still to come, by the naive store. */
  owed(expectation: Expectation) {
    return this.#world.store.events.filter(
      (event) =>
        event.revision >= expectation.next &&
        rangeContains(expectation.range, latin1(event.key)) &&
        !(event.type === "put" ? expectation.noPut : expectation.noDelete),
    );
  }

  #seeEvents(expectation: Expectation, response: SeenResponse): void {
    expectation.open.push(...response.events);
    if (response.fragment) {
      expect(expectation.fragment).toBe(true);
      return;
    }
    const events = expectation.open;
    expectation.open = [];
    const last = events.at(-1)?.keyValue.mod ?? 0;
    expect(response.revision).toBeGreaterThanOrEqual(last);
    // Everything owed up to the last event, whole revisions, in order, and nothing else. By D1 the
    // header's revision promises even more: nothing at or below it is still to come.
    const owed = this.owed(expectation).filter((event) => event.revision <= response.revision);
    expect(events.map((e) => `${e.type} ${e.keyValue.key}@${e.keyValue.mod}`)).toEqual(
      owed.map((e) => `${e.type} ${e.key}@${e.revision}`),
    );
    for (const [i, event] of events.entries()) {
      const truth = owed[i];
      if (truth?.keyValue !== undefined) expect(event.keyValue).toEqual(truth.keyValue);
      if (!expectation.prevKv) expect(event.previous).toBeUndefined();
      else if (event.previous !== undefined || truth === undefined) {
        expect(event.previous).toEqual(truth?.previous);
      } else if (truth.previous !== undefined) {
        expect(truth.revision - 1).toBeLessThan(this.#world.store.compacted);
      }
    }
    expectation.next = response.revision + 1;
  }
}

class World {
  readonly store = new ModelStore();
  readonly hub: WatchHub;
  readonly observers: Observer[];
  readonly #compactions: number[] = [];

  constructor(eventLogBytes: number) {
    this.hub = new WatchHub({
      identity: { clusterId: 2n ** 63n + 5n, memberId: 3n, raftTerm: 2n },
      head: toRevision(1),
      compacted: -1,
      history: this.store,
      limits: { watchersPerStream: 6, watchersTotal: 14 },
      eventLogBytes,
      responseBytesMax: 120,
      fragmentBytes: 90,
      eventsPerStep: 3,
      wake: () => undefined,
      clock: new ManualTime(),
    });
    this.observers = [new Observer(this), new Observer(this), new Observer(this)];
  }

  run(next: Step): void {
    switch (next.kind) {
      case "commit":
        this.#commit(next.groups);
        break;
      case "create":
        this.#create(next);
        break;
      case "step":
        for (let i = 0; i < next.times; i++) this.hub.step();
        break;
      case "compact": {
        const revision = this.store.head - next.back;
        if (revision <= this.store.compacted) return;
        this.store.compacted = revision;
        this.hub.compact(toRevision(revision));
        this.#compactions.push(revision);
        for (const { client } of this.observers) client.transcript.noteCompaction(revision);
        break;
      }
      case "room":
        this.observer(next.stream).client.room = next.room;
        break;
      default:
        this.#onStream(next.kind, this.observer(next.stream), next.pick);
    }
  }

  observer(index: number): Observer {
    const observer = this.observers[index];
    if (observer === undefined) throw new Error("no such stream");
    return observer;
  }

  #commit(groups: ModelOp[][]): void {
    const revisions = [];
    for (const ops of groups) {
      const events = this.store.apply(ops);
      if (events === undefined) continue;
      revisions.push(events.map((event) => toSource(event, this.hub.wantsPrevious)));
    }
    this.hub.commit(revisions);
  }

  #create(next: Extract<Step, { kind: "create" }>): void {
    const observer = this.observer(next.stream);
    const range = parseKeyRange(latin1(next.range[0] ?? ""), latin1(next.range[1] ?? ""));
    const startRevision = next.start === 0 ? 0 : Math.max(this.store.head + next.start, 1);
    const has = (bit: number) => (next.options & bit) !== 0;
    const interest = {
      range,
      noPut: has(1) && has(16),
      noDelete: has(2) && has(16),
      prevKv: has(4),
    };
    const expectation: Expectation = {
      ...interest,
      fragment: has(8),
      next: startRevision,
      open: [],
      lastProgress: 0,
      ended: false,
    };
    const refusal = this.#refusal(observer, next.id);
    observer.creating.push({ expectation, id: BigInt(next.id), refusal });
    observer.stream.create({
      id: next.id,
      interest,
      startRevision,
      progressNotify: has(1),
      fragment: has(8),
    });
  }

  /** A given id that is in use, or a limit: what else the steps ask for is right. */
  #refusal({ stream }: Observer, id: number): string {
    const ids = [...stream.watchers].map((watcher) => watcher.id);
    if (id !== 0 && ids.includes(id)) return "mvcc: duplicate watch ID provided on the WatchStream";
    const total = this.observers.reduce((sum, { stream: { size } }) => sum + size, 0);
    const { watchersPerStream, watchersTotal } = this.hub.limits;
    const isFull = ids.length >= watchersPerStream || total >= watchersTotal;
    return isFull ? "etcdserver: too many watchers" : "";
  }

  #onStream(kind: string, observer: Observer, pick: number): void {
    const id = [...observer.expectations.keys()][pick];
    if (kind === "cancel" && id !== undefined) {
      observer.cancels.set(id, (observer.cancels.get(id) ?? 0) + 1);
      observer.stream.cancel(Number(id));
    }
    if (kind === "progress") {
      observer.progressAsked++;
      observer.progressOwed = true;
      observer.stream.requestProgress();
    }
    if (kind === "tick") observer.stream.progressTick();
    if (kind === "read") observer.readAll();
    if (kind === "close" && pick === 0) {
      observer.stream.close();
      observer.open();
    }
  }

  /** The same by the validator that judges whole servers. */
  #judge(): void {
    const truth = truthOf(this.store, this.#compactions);
    for (const { client, left } of this.observers) {
      for (const { transcript } of left) expect(transcript.faults(truth, undefined)).toEqual([]);
      expect(client.transcript.faults(truth, this.store.head)).toEqual([]);
    }
  }

  /** Everybody reads: afterwards nobody is owed anything, and whoever asked has been answered. */
  settle(): void {
    for (const observer of this.observers) observer.client.room = Infinity;
    for (let round = 0; round < 200; round++) {
      for (const observer of this.observers) observer.readAll();
      this.hub.step();
      this.hub.checkInvariants();
    }
    expect(this.hub.busy).toBe(false);
    for (const observer of this.observers) {
      observer.readAll();
      expect(observer.creating).toEqual([]);
      for (const expectation of observer.expectations.values()) {
        expect(observer.owed(expectation)).toEqual([]);
      }
      const isLevel = [...observer.stream.watchers].every((w) => w.position.kind === "synced");
      if (isLevel && observer.stream.size > 0) expect(observer.progressOwed).toBe(false);
    }
    this.#judge();
  }
}

describe("watch hub against a naive store", () => {
  it("sends every watcher all it is owed, in order, once, whatever happens (W80-W87, D1)", () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 150, size: "max" }),
        eventLogBytes,
        (steps, bytes) => {
          const world = new World(bytes);
          for (const next of steps) {
            world.run(next);
            world.hub.checkInvariants();
            // Without watchers nobody is owed progress (W48).
            for (const observer of world.observers) {
              if (observer.stream.size === 0) observer.progressOwed = false;
            }
          }
          world.settle();
        },
      ),
      { numRuns: 600 },
    );
  }, 60_000);
});
