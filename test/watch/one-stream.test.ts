import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { SeededRandom } from "../support/random.ts";
import type { ModelOp } from "./model-store.ts";
import { Bench, watch } from "./hub-bench.ts";
import { ModelClient, type SeenResponse } from "./model-client.ts";
import { latin1 } from "./model-store.ts";

// One stream, a client that reads slowly, and a range on which more is written than it can take.

const TAKEN_PER_DRAIN = 4096;
const HOT_VALUE = "x".repeat(1000);
const HOT_RANGE = parseKeyRange(latin1("hot/"), latin1("hot0"));
const HOT = 0n;
const QUIET = 1n;

/** Takes messages until a few KB wait, and no more until it is read. */
class NarrowClient extends ModelClient {
  #waiting = 0;

  override offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean {
    this.room = this.#waiting < TAKEN_PER_DRAIN ? Infinity : 0;
    const isTaken = super.offer(head, headLength, body);
    if (isTaken) this.#waiting += headLength + body.length;
    return isTaken;
  }

  override read(): SeenResponse[] {
    this.#waiting = 0;
    return super.read();
  }
}

/** When, in a turn, those who are behind take their step: with room in the stream or without. */
type Order = "writes first" | "steps first" | "many steps first";

/** A hot and a quiet watcher on one stream; each turn brings more hot events than one drain takes. */
class HotStream {
  readonly #order: Order;
  readonly bench: Bench = new Bench({ eventsPerStep: 64, responseBytesMax: 2048 });
  readonly client: NarrowClient = new NarrowClient();

  constructor(order: Order) {
    this.#order = order;
    this.client.stream = this.bench.hub.open(this.client);
    const interest = { range: HOT_RANGE, noPut: false, noDelete: false, prevKv: false };
    watch(this.client, "", { interest });
    watch(this.client, "quiet", { progressNotify: true });
    for (let i = 0; i < 5; i++) this.turn();
  }

  get stream() {
    const { stream } = this.client;
    if (stream === undefined) throw new Error("the client has a stream");
    return stream;
  }

  /** One turn of the event loop: a group of hot puts, a step for those behind, the client reads. */
  turn(more: readonly ModelOp[] = []): SeenResponse[] {
    if (this.#order === "steps first") this.bench.step();
    if (this.#order === "many steps first") for (let i = 0; i < 20; i++) this.bench.step();
    this.write(more);
    if (this.#order === "writes first") this.bench.step();
    return this.client.read();
  }

  write(more: readonly ModelOp[]): void {
    const hot = Array.from({ length: 20 }, (_, i): ModelOp[] => [
      { kind: "put", key: `hot/${i}`, value: HOT_VALUE },
    ]);
    this.bench.group(...hot, ...more.map((op) => [op]));
  }

  /** How many drains it takes until a response of this kind is read. */
  drainsUntil(isIt: (response: SeenResponse) => boolean, first: readonly SeenResponse[]): number {
    let seen = first;
    for (let drains = 1; drains < 50; drains++) {
      if (seen.some(isIt)) return drains;
      seen = this.turn();
    }
    return Infinity;
  }

  /** How far behind the hot watcher is. */
  get isOverrun(): boolean {
    const [hot] = this.stream.watchers;
    return hot?.position.kind !== "synced";
  }
}

const quietPut: ModelOp = { kind: "put", key: "quiet", value: "1" };

const ORDERS: readonly Order[] = ["writes first", "steps first", "many steps first"];

describe.each(ORDERS)("a hot range on the stream of a slow client, %s,", (order) => {
  it("does not keep a quiet watcher's event waiting for more than two drains", () => {
    const world = new HotStream(order);
    for (let round = 0; round < 10; round++) {
      expect(world.isOverrun).toBe(true);
      const first = world.turn([quietPut]);
      const isQuiet = ({ id, events }: SeenResponse): boolean => id === QUIET && events.length > 0;
      expect(world.drainsUntil(isQuiet, first)).toBeLessThanOrEqual(2);
    }
  });

  it("does not keep the answers to creates and cancels waiting", () => {
    const world = new HotStream(order);
    watch(world.client, "later", { id: 7 });
    const isCreated = ({ id, created }: SeenResponse): boolean => id === 7n && created;
    expect(world.drainsUntil(isCreated, world.turn())).toBe(1);
    world.stream.cancel(7);
    const isCanceled = ({ id, canceled }: SeenResponse): boolean => id === 7n && canceled;
    expect(world.drainsUntil(isCanceled, world.turn())).toBe(1);
  });

  it("does not keep a quiet watcher's progress waiting for more than two drains", () => {
    const world = new HotStream(order);
    for (let round = 0; round < 10; round++) {
      world.turn();
      world.stream.progressTick();
      const isProgress = ({ id, events, created }: SeenResponse): boolean =>
        id === QUIET && events.length === 0 && !created;
      expect(world.drainsUntil(isProgress, world.turn())).toBeLessThanOrEqual(2);
    }
  });

  it("is followed by the progress that was asked for as soon as the stream is level", () => {
    const world = new HotStream(order);
    world.stream.requestProgress();
    const isProgress = ({ id }: SeenResponse): boolean => id === -1n;
    expect(world.turn().some(isProgress)).toBe(false);
    let drains = 0;
    let answeredAfter = Infinity;
    for (let levelFor = 0; levelFor < 2; drains++) {
      expect(drains).toBeLessThan(500);
      world.bench.step();
      if (!world.isOverrun) levelFor++;
      if (world.client.read().some(isProgress)) answeredAfter = levelFor;
    }
    expect(answeredAfter).toBeLessThanOrEqual(2);
  });

  it("loses and repeats nothing by all that", () => {
    const world = new HotStream(order);
    const revisions: number[] = [];
    const note = (seen: readonly SeenResponse[]): void => {
      for (const { id, events } of seen) {
        if (id === HOT) revisions.push(...events.map(({ keyValue }) => keyValue.mod));
      }
    };
    for (let i = 0; i < 10; i++) note(world.turn([quietPut]));
    for (let i = 0; i < 500 && world.isOverrun; i++) {
      world.bench.step();
      note(world.client.read());
    }
    expect(world.isOverrun).toBe(false);
    const first = revisions[0] ?? 0;
    const expected = world.bench.store.events.filter(
      ({ key, revision }) => key.startsWith("hot/") && revision >= first,
    );
    expect(revisions).toEqual(expected.map(({ revision }) => revision));
  });
});

/** One for each watcher of the stream: those who came away empty before it come first. */
const DRAINS_MAX = 5;

it("keeps nobody waiting for long, whatever the steps between, with several hot watchers", () => {
  const random = new SeededRandom(3);
  const world = new HotStream("writes first");
  const interest = { range: HOT_RANGE, noPut: false, noDelete: false, prevKv: false };
  for (let i = 0; i < 3; i++) watch(world.client, "", { interest });
  const steps = (): void => {
    for (let i = 1 + random.below(12); i > 0; i--) world.bench.step();
  };
  for (let round = 0; round < 60; round++) {
    let drains = 0;
    for (let isTold = false; !isTold; drains++) {
      expect(drains).toBeLessThan(DRAINS_MAX);
      steps();
      world.write(drains === 0 ? [quietPut] : []);
      steps();
      isTold = world.client.read().some(({ id, events }) => id === QUIET && events.length > 0);
    }
    // However the clients of before left it, the next round finds another state.
    for (let i = random.below(4); i > 0; i--) world.turn();
  }
});
