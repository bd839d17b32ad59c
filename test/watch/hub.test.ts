import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import { Bench, position, revisions, watch } from "./hub-bench.ts";
import type { ModelClient } from "./model-client.ts";
import { latin1, type ModelOp } from "./model-store.ts";

describe("catching up", () => {
  it("does not let those who keep falling behind near the head starve an older watcher", () => {
    const bench = new Bench();
    for (let i = 0; i < 20; i++) bench.put("old");
    // Between any two steps this client refuses a put, drains, and waits at the head once more.
    const hasty = bench.client(1);
    watch(hasty, "hot");
    bench.put("hot");
    bench.put("hot");
    hasty.read();
    bench.step();
    const old = bench.client();
    watch(old, "old", { startRevision: 10 });
    for (let i = 0; i < 20 && position(old) !== "synced"; i++) {
      bench.put("hot");
      hasty.read();
      bench.step();
    }
    expect(position(old)).toBe("synced");
  });

  it("does not let those who keep falling out of the log starve who waits for the store", () => {
    const bench = new Bench({ eventLogBytes: 16_384, eventsPerStep: 100 });
    for (let i = 0; i < 600; i++) bench.put("old");
    const old = bench.client();
    watch(bench.client(), "old", { startRevision: 300 });
    bench.step();
    watch(old, "old", { startRevision: 10 });
    // Between any two steps the log moves on, and somebody new needs what it has just dropped.
    for (let i = 0; i < 30; i++) {
      for (let j = 0; j < 40; j++) bench.put("other", "x".repeat(40));
      watch(bench.client(), "other", { startRevision: bench.hub.log.completeFrom - 1 });
      bench.step();
    }
    expect(revisions(old.read()).slice(0, 3)).toEqual([10, 11, 12]);
  });

  it("takes as many steps for many watchers as for the one furthest behind (W74)", () => {
    const bench = new Bench();
    for (let i = 0; i < 400; i++) bench.put("k");
    watch(bench.client(), "k", { startRevision: 2 });
    const alone = bench.settle();
    for (let i = 0; i < 300; i++) watch(bench.client(), "k", { startRevision: 2 + i });
    expect(bench.settle()).toBe(alone);
    expect(bench.hub.stats.slowWatchers).toBe(0);
  });

  it("works in bounded steps for a watcher of one quiet key far behind", () => {
    const bench = new Bench({ eventLogBytes: 4096 });
    bench.put("quiet");
    for (let i = 0; i < 3000; i++) bench.put("noise");
    const client = bench.client();
    watch(client, "quiet", { startRevision: 2 });
    const steps = bench.settle();
    expect(steps).toBeGreaterThanOrEqual(3001 / 4);
    expect(steps).toBeLessThan(3001 / 4 + 10);
    expect(revisions(client.read())).toEqual([2]);
  });

  it("serves a group that is larger than the whole log from the store, once", () => {
    const bench = new Bench({ eventLogBytes: 2048 });
    const client = bench.client();
    watch(client, "k");
    const ops = (i: number): ModelOp[] => [
      { kind: "put", key: i % 3 === 0 ? "k" : "other", value: "x".repeat(50) },
    ];
    bench.group(...Array.from({ length: 120 }, (_, i) => ops(i)));
    expect(position(client)).toBe("unsynced");
    bench.settle();
    expect(revisions(client.read())).toEqual(Array.from({ length: 40 }, (_, i) => 2 + 3 * i));
    bench.put("k");
    expect(revisions(client.read())).toEqual([122]);
  });

  it("reads nothing below a compaction that is not durable yet, and cancels once it is", () => {
    const bench = new Bench({ eventLogBytes: 2048 });
    for (let i = 0; i < 100; i++) bench.put("k");
    const client = bench.client();
    watch(client, "k", { startRevision: 10 });
    watch(client, "k", { startRevision: 30 });
    bench.step();
    bench.store.compacted = 30;
    for (let i = 0; i < 5; i++) bench.step();
    expect(revisions(client.read())).toEqual([10, 11, 12, 13]);
    bench.hub.compact(toRevision(30));
    bench.settle();
    const [canceled, ...served] = client.read();
    expect([canceled?.id, canceled?.compactRevision]).toEqual([0n, 30]);
    expect(revisions(served)).toEqual(Array.from({ length: 72 }, (_, i) => 30 + i));
  });

  it("takes a future watcher along when its start lies in the middle of a group", () => {
    const bench = new Bench();
    const client = bench.client();
    watch(client, "k", { startRevision: 4 });
    const put: ModelOp[] = [{ kind: "put", key: "k", value: "v" }];
    bench.group(put, put, put, put);
    bench.settle();
    expect(revisions(client.read())).toEqual([4, 5]);
  });

  it("cuts a group at the border of two blocks, and its header promises no more", () => {
    const bench = new Bench({ eventLogBytes: 60_000 });
    const client = bench.client();
    watch(client, "k");
    const put: ModelOp[] = [{ kind: "put", key: "k", value: "x".repeat(300) }];
    bench.group(...Array.from({ length: 40 }, () => put));
    const seen = client.read().slice(1);
    expect(seen.length).toBe(2);
    expect(revisions(seen)).toEqual(Array.from({ length: 40 }, (_, i) => 2 + i));
    for (const one of seen) expect(one.revision).toBe(one.events.at(-1)?.keyValue.mod);
  });

  it("asks to be woken whenever somebody falls behind", () => {
    const bench = new Bench();
    bench.put("k");
    expect(bench.wakes).toBe(0);
    watch(bench.client(), "k", { startRevision: 2 });
    expect(bench.wakes).toBe(1);
    bench.settle();
    const slow = bench.client(0);
    watch(slow, "k");
    bench.put("k");
    expect(bench.wakes).toBe(1);
    slow.room = Infinity;
    slow.read();
    expect(bench.wakes).toBe(2);
  });
});

describe("values before", () => {
  it("are wanted for as long as somebody watches who asked for them", () => {
    const bench = new Bench();
    const interest = {
      range: parseKeyRange(latin1("k"), new Uint8Array(0)),
      noPut: false,
      noDelete: false,
      prevKv: true,
    };
    const wanted: boolean[] = [];
    const client = bench.client();
    const note = () => wanted.push(bench.hub.wantsPrevious);
    watch(client, "k");
    note();
    watch(client, "k", { interest });
    watch(client, "k", { interest, startRevision: 90 });
    note();
    client.stream?.cancel(1);
    note();
    client.stream?.close();
    note();
    expect(wanted).toEqual([false, true, true, false]);
  });
});

describe("bounds", () => {
  it("refuses a watcher too many, of the stream and of all", () => {
    const bench = new Bench({ limits: { watchersPerStream: 2, watchersTotal: 3 } });
    const first = bench.client();
    const second = bench.client();
    for (let i = 0; i < 3; i++) watch(first, "a");
    for (let i = 0; i < 2; i++) watch(second, "a");
    const outcome = (client: ModelClient) =>
      client.read().map(({ id, created, canceled, cancelReason }) => {
        return [Number(id), created, canceled, cancelReason];
      });
    const refused = [-1, true, true, "etcdserver: too many watchers"];
    expect(outcome(first)).toEqual([[0, true, false, ""], [1, true, false, ""], refused]);
    expect(outcome(second)).toEqual([[0, true, false, ""], refused]);
    first.stream?.cancel(1);
    watch(second, "a");
    expect(second.read().map(({ id }) => Number(id))).toEqual([1]);
    expect(bench.hub.watcherCount).toBe(3);
  });

  it("keeps revisions exact up to the last one that a number can hold", () => {
    const bench = new Bench({ head: toRevision(Number.MAX_SAFE_INTEGER - 3) });
    const client = bench.client();
    watch(client, "k");
    watch(client, "k", { startRevision: Number.MAX_SAFE_INTEGER });
    bench.put("k");
    client.stream?.requestProgress();
    bench.put("k");
    const seen = client.read();
    expect(seen.map(({ revision }) => revision - Number.MAX_SAFE_INTEGER)).toEqual([
      -3, -3, -2, -1,
    ]);
    expect(revisions(seen).map((one) => one - Number.MAX_SAFE_INTEGER)).toEqual([-2, -1]);
  });

  it("forgets streams that come and go", () => {
    const bench = new Bench();
    for (let i = 0; i < 1000; i++) {
      const client = bench.client(1);
      watch(client, "k");
      watch(client, `own ${i}`, { progressNotify: true });
      bench.put("k");
      bench.put("k");
      if (i % 2 === 0) client.read();
      client.stream?.close();
      client.read();
    }
    bench.settle();
    const { streams, watchers, slowWatchers, classes } = bench.hub.stats;
    expect({ streams, watchers, slowWatchers, classes }).toEqual({
      streams: 0,
      watchers: 0,
      slowWatchers: 0,
      classes: 0,
    });
  });

  it("lets go of those who waited for a revision that never came and left", async () => {
    setFlagsFromString("--expose_gc");
    const collect = runInNewContext("gc") as () => void;
    const bench = new Bench();
    const stays = bench.client();
    for (let i = 0; i < 50; i++) watch(stays, "k", { startRevision: 500 - i });
    const left: WeakRef<ModelClient>[] = [];
    for (let i = 0; i < 1000; i++) {
      const client = bench.client();
      watch(client, "k", { startRevision: Number.MAX_SAFE_INTEGER });
      client.stream?.close();
      left.push(new WeakRef(client));
    }
    // A WeakRef holds on to its target until the present turn of the event loop is over.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const held = left.filter((one) => one.deref() !== undefined).length;
    expect(held).toBeLessThanOrEqual(150);
    while (bench.store.head < 501) bench.put("k");
    bench.settle();
    const seen = stays.read().filter(({ created }) => !created);
    const firsts = new Map<bigint, number>();
    for (const one of seen) if (!firsts.has(one.id)) firsts.set(one.id, revisions([one])[0] ?? 0);
    expect([...firsts].every(([id, first]) => first === 500 - Number(id))).toBe(true);
    expect(firsts.size).toBe(50);
  });

  it("lets the watchers of a stream leave in slices, whatever happens between them", () => {
    const bench = new Bench();
    bench.put("k");
    const [leaving, staying] = [bench.client(0), bench.client()];
    for (let i = 0; i < 9; i++) watch(leaving, "k", { startRevision: i % 3 });
    watch(staying, "k");
    const { stream } = leaving;
    leaving.read();
    const left: (number | undefined)[] = [];
    while (stream?.closeSome(2) === true) {
      left.push(bench.hub.stats.watchers);
      bench.put("k");
      bench.step();
      stream.drained();
      stream.progressTick();
    }
    expect(left).toEqual([8, 6, 4, 2]);
    const { streams, watchers, classes } = bench.hub.stats;
    expect([streams, watchers, classes]).toEqual([1, 1, 1]);
    expect([stream?.closeSome(2), leaving.read()]).toEqual([false, []]);
    expect(revisions(staying.read())).toEqual([3, 4, 5, 6]);
  });

  it("sends nothing to a stream after its close", () => {
    const bench = new Bench();
    bench.put("k");
    const client = bench.client();
    watch(client, "k", { startRevision: 2, progressNotify: true });
    watch(client, "k");
    client.stream?.requestProgress();
    const stream = client.stream;
    stream?.close();
    client.read();
    bench.put("k");
    bench.settle();
    stream?.progressTick();
    stream?.requestProgress();
    stream?.drained();
    stream?.close();
    expect(client.read()).toEqual([]);
  });
});
