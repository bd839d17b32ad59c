import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import type { Revision } from "../../src/base/revision.ts";
import type { HistoryEvent } from "../../src/watch/history.ts";
import { SeededRandom } from "../support/random.ts";
import { Bench, position, watch } from "./hub-bench.ts";
import type { ModelClient } from "./model-client.ts";
import { latin1, ModelStore } from "./model-store.ts";

// What catching up costs is counted, in events read and in steps; nothing here is timed.

/** The naive store, counting what is read of it. */
class CountingStore extends ModelStore {
  /** Events that a reader took, each time it did. */
  reads = 0;
  readonly distinct = new Set<number>();

  override history(from: Revision, visit: (event: HistoryEvent) => boolean): void {
    super.history(from, (event) => {
      if (!visit(event)) return false;
      this.reads++;
      this.distinct.add(event.revision);
      return true;
    });
  }
}

const EVENTS_PER_STEP = 64;
/** Store reads a needed revision may cost, all watchers together. */
const READS_PER_REVISION = 1.2;

/** A history of one put a revision, of which memory holds only the end. */
class HistoryBench extends Bench {
  readonly counting: CountingStore;

  constructor(revisionCount: number, valueBytes = 20) {
    const counting = new CountingStore();
    const limits = { watchersPerStream: 20_000, watchersTotal: 20_000 };
    const options = { eventLogBytes: 8192, eventsPerStep: EVENTS_PER_STEP, limits };
    super({ ...options, history: counting }, counting);
    this.counting = counting;
    const value = "x".repeat(valueBytes);
    for (let i = 0; i < revisionCount; i++) this.put(`k${i}`, value);
  }

  /** The first revision that need not be read from the store. */
  get logStart(): number {
    return this.hub.log.completeFrom;
  }

  /** A client of its own for a watch on all keys, or on one. */
  resume(startRevision: number, { key, room }: { key?: string; room?: number } = {}): ModelClient {
    const client = this.client(room);
    const range = key === undefined ? ["k", "l"] : [key, ""];
    const interest = {
      range: parseKeyRange(latin1(range[0] ?? ""), latin1(range[1] ?? "")),
      noPut: false,
      noDelete: false,
      prevKv: false,
    };
    watch(client, "", { interest, startRevision });
    return client;
  }

  expectSharedReads(): void {
    const { reads, distinct } = this.counting;
    expect(distinct.size).toBeGreaterThan(0);
    expect(reads / distinct.size).toBeLessThanOrEqual(READS_PER_REVISION);
  }
}

describe("reads of the store", () => {
  it("are shared by all who resume at the same time, wherever they are", () => {
    const bench = new HistoryBench(1500);
    const starts = Array.from({ length: 100 }, (_, i) => 2 + 13 * i);
    for (const start of starts.toReversed()) bench.resume(start);
    bench.settle();
    expect(bench.counting.distinct.size).toBe(bench.logStart - 2);
    bench.expectSharedReads();
  });

  it("are shared by those who come while others are on their way", () => {
    const bench = new HistoryBench(1500);
    const random = new SeededRandom(5);
    for (let i = 0; i < 60; i++) {
      bench.resume(2 + random.below(bench.logStart - 2));
      bench.step();
    }
    bench.settle();
    bench.expectSharedReads();
  });

  it("are shared by clients that read at different paces", () => {
    const bench = new HistoryBench(1500);
    const clients = Array.from({ length: 40 }, (_, i) => bench.resume(2 + 7 * i, { room: 1 }));
    for (let turn = 1; clients.some((client) => position(client) !== "synced"); turn++) {
      expect(turn).toBeLessThan(10_000);
      clients.forEach((client, i) => {
        if (turn % (1 + (i % 7)) === 0) client.read();
      });
      bench.step();
    }
    bench.expectSharedReads();
  });

  it("are as many for quiet keys, and for a history larger than what is kept of it", () => {
    const bench = new HistoryBench(240, 200_000);
    for (let i = 0; i < 30; i++) bench.resume(2 + 7 * i, { key: "quiet" });
    bench.settle();
    expect(bench.counting.distinct.size).toBe(bench.logStart - 2);
    bench.expectSharedReads();
  });
});

describe("what one step sends", () => {
  it("stays near its budget however many ride, from their first step on", () => {
    const bench = new HistoryBench(400, 2_000);
    const before = bench.hub.stats.bytesSent;
    for (let i = 0; i < 200; i++) bench.resume(2);
    let sent = before;
    while (bench.hub.busy) {
      bench.step();
      const { bytesSent } = bench.hub.stats;
      // The sweep through memory and the one through the store, and what is less than one event.
      expect(bytesSent - sent).toBeLessThan(2 * 512 * 1024 + 200 * 2_100);
      sent = bytesSent;
    }
    expect(sent - before).toBeGreaterThan(200 * 400 * 2_000);
  });
});

describe("ten thousand watchers that resume at different revisions", () => {
  const WATCHERS = 10_000;
  const REVISIONS = 2000;
  /** Steps of one run over all the history: stretches start small, and two sweeps take part. */
  const RUN_STEPS = Math.ceil(REVISIONS / EVENTS_PER_STEP) + 12;

  it("are all level after one run over the history", () => {
    const bench = new HistoryBench(REVISIONS);
    for (let i = 0; i < WATCHERS; i++) {
      const at = (i * 7919) % REVISIONS;
      bench.resume(2 + at, { key: `k${at}` });
    }
    expect(bench.settle()).toBeLessThanOrEqual(RUN_STEPS);
    bench.expectSharedReads();
  }, 30_000);

  it("coming in waves, wait for no more than two runs, those of the first wave as the last", () => {
    const bench = new HistoryBench(REVISIONS);
    const random = new SeededRandom(11);
    const waiting = new Map<ModelClient, number>();
    let longest = 0;
    const step = (now: number): void => {
      bench.hub.step();
      for (const [client, since] of waiting) {
        longest = Math.max(longest, now - since);
        if (position(client) === "synced") waiting.delete(client);
      }
    };
    let now = 0;
    for (; now < 100; now++) {
      for (let i = 0; i < WATCHERS / 100; i++) {
        const at = random.below(REVISIONS);
        waiting.set(bench.resume(2 + at, { key: `k${at}` }), now);
      }
      step(now);
    }
    for (; waiting.size > 0; now++) step(now);
    bench.hub.checkInvariants();
    expect(longest).toBeLessThanOrEqual(2 * RUN_STEPS);
    bench.expectSharedReads();
  }, 30_000);
});
