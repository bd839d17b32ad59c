import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EtcdError } from "../../src/base/errors.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { HeldDisk } from "../support/held-disk.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { latin1 } from "../watch/model-store.ts";
import { putCommand } from "../support/commands.ts";

/** A replica whose time a test moves, on a disk that outlives it. */
class World {
  readonly disk = new HeldDisk();
  timers = new ManualTimers();
  opened: OpenedReplica;

  constructor() {
    this.opened = this.#open();
  }

  /** The next process, after a crash: its clock begins somewhere else. */
  restart(): void {
    this.timers = new ManualTimers(5000);
    this.opened = this.#open();
  }

  grant(id: bigint, ttlSeconds: number): string | undefined {
    let answer: string | undefined;
    this.opened.replica.propose({ kind: "lease-grant", id, ttlSeconds }, (outcome) => {
      answer = outcome instanceof EtcdError ? outcome.name : "granted";
    });
    this.timers.settle();
    return answer;
  }

  revoke(id: bigint): void {
    this.opened.replica.propose({ kind: "lease-revoke", id, reason: "request" }, () => {});
    this.timers.settle();
  }

  put(key: string, lease: bigint): void {
    this.opened.replica.propose(putCommand(latin1(key), latin1("v"), lease), () => {});
    this.timers.settle();
  }

  /** Renews, and notes the answer when it comes. */
  renew(id: bigint): { ttl: number | undefined } {
    const answer: { ttl: number | undefined } = { ttl: undefined };
    this.opened.leases.renew(id, (ttl) => {
      answer.ttl = ttl;
    });
    return answer;
  }

  /** Lets time pass in steps of 100 ms, with the turns that fall into it. */
  pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 100) {
      this.timers.pass(100);
      this.timers.settle();
    }
  }

  get ids(): readonly bigint[] {
    return this.opened.leases.list().map((lease) => lease.id);
  }

  get keys(): number {
    return this.opened.store.keyCount;
  }

  remaining(id: bigint): number | undefined {
    return this.opened.leases.timeToLive(id)?.remainingSeconds;
  }

  #open(): OpenedReplica {
    const { timers } = this;
    const opened = openTestReplica({
      disk: this.disk,
      timers,
      clock: { monotonicMs: () => timers.nowMs, wallMs: () => 0 },
      watch: {
        limits: { watchersPerStream: 10, watchersTotal: 10 },
        eventLogBytes: 4096,
        responseBytesMax: 1000,
        fragmentBytes: 1000,
        eventsPerStep: 2,
      },
    });
    timers.settle();
    return opened;
  }
}

describe("the time of leases", () => {
  test("a key lives as long as its lease, and at most half a second longer (L5, L6)", () => {
    const world = new World();
    world.pass(300);
    world.grant(1n, 2);
    world.put("k", 1n);
    world.pass(1900);
    expect(world.keys).toBe(1);
    world.pass(600);
    expect([world.keys, world.ids]).toEqual([0, []]);
    expect(world.opened.leases.counters).toMatchObject({ granted: 1, revoked: 1, expired: 1 });
  });

  test("a lease with many keys does not keep others that expire with it, and goes once", () => {
    const world = new World();
    world.grant(1n, 2);
    world.grant(2n, 2);
    for (let i = 0; i < 1100; i++) world.put(`k${i}`, 1n);
    world.put("other", 2n);
    world.timers.pass(2500);
    const late = world.renew(1n);
    // The step proposes both: the first begins in a later turn, the second waits in line behind it.
    world.timers.turn();
    expect([world.ids, late.ttl]).toEqual([[1n, 2n], undefined]);
    world.timers.settle();
    expect([world.keys, world.ids, late.ttl]).toEqual([0, [], 0]);
    world.pass(2000);
    expect(world.opened.leases.counters).toMatchObject({ revoked: 2, expired: 2 });
    // The keys of each lease went in one revision of their own.
    expect(world.opened.store.head).toBe(1 + 1101 + 2);
  });

  test("a renewal gives the whole TTL again without the log (L7, L9)", () => {
    const world = new World();
    world.grant(1n, 2);
    const { appliedIndex } = world.opened.replica.status();
    for (let i = 0; i < 10; i++) {
      world.pass(1500);
      expect(world.renew(1n).ttl).toBe(2);
      expect(world.remaining(1n)).toBe(2);
    }
    expect(world.opened.replica.status().appliedIndex).toBe(appliedIndex);
    expect(world.opened.log.hasUncommitted).toBe(false);
    world.pass(2500);
    expect(world.ids).toEqual([]);
  });

  test("a renewed lease is passed over when its first deadline comes (L6)", () => {
    const world = new World();
    world.grant(1n, 1);
    world.pass(100);
    world.renew(1n);
    world.pass(900);
    expect(world.ids).toEqual([1n]);
    world.pass(500);
    expect(world.ids).toEqual([]);
  });

  test("an unknown lease is renewed to 0 (L7)", () => {
    expect(new World().renew(9n).ttl).toBe(0);
  });

  test("a renewal after the deadline waits for the revoke and is 0 (L7)", () => {
    const world = new World();
    world.grant(1n, 2);
    world.put("k", 1n);
    world.timers.pass(2000);
    const late = world.renew(1n);
    expect([late.ttl, world.keys, world.remaining(1n)]).toEqual([undefined, 1, 0]);
    world.disk.isHolding = true;
    world.timers.settle();
    expect([late.ttl, world.keys]).toEqual([undefined, 0]);
    while (world.disk.release() > 0) world.timers.settle();
    expect(late.ttl).toBe(0);
  });

  test("an answer to a renewal waits for grants and revokes on their way to the disk", () => {
    const world = new World();
    world.grant(1n, 60);
    world.disk.isHolding = true;
    world.revoke(1n);
    const gone = world.renew(1n);
    world.grant(2n, 60);
    const new2 = world.renew(2n);
    expect([gone.ttl, new2.ttl]).toEqual([undefined, undefined]);
    while (world.disk.release() > 0) world.timers.settle();
    expect([gone.ttl, new2.ttl]).toEqual([0, 60]);
  });

  test("the time of a lease counts from when its grant is durable (L6)", () => {
    const world = new World();
    world.disk.isHolding = true;
    world.grant(1n, 5);
    world.timers.pass(3000);
    while (world.disk.release() > 0) world.timers.settle();
    expect(world.remaining(1n)).toBe(5);
  });

  test("what is left is told in whole seconds, and leases by what they have left (L10, L11)", () => {
    const world = new World();
    world.grant(1n, 60);
    world.grant(2n, 30);
    world.timers.pass(1);
    expect([world.remaining(1n), world.remaining(2n), world.remaining(3n)]).toEqual([
      59,
      29,
      undefined,
    ]);
    expect(world.ids).toEqual([2n, 1n]);
    world.timers.pass(20_000);
    world.renew(2n);
    world.grant(3n, 1);
    expect(world.ids).toEqual([3n, 2n, 1n]);
  });

  test("a restart keeps leases with their keys and gives them time (L13)", () => {
    const world = new World();
    world.grant(1n, 3);
    world.grant(-2n, 60);
    world.grant(7n, 60);
    for (const key of ["a", "b", "moved", "freed"]) world.put(key, 1n);
    world.put("moved", -2n);
    world.put("freed", 0n);
    world.revoke(7n);
    world.pass(2000);
    world.restart();
    expect(world.ids).toEqual([1n, -2n]);
    expect([world.remaining(1n), world.remaining(-2n)]).toEqual([4, 61]);
    expect([...(world.opened.leases.timeToLive(1n)?.lease.keys ?? [])]).toEqual(["a", "b"]);
    // One second for an election, then the whole TTL.
    world.pass(3900);
    expect(world.keys).toBe(4);
    world.pass(600);
    expect([world.keys, world.ids]).toEqual([2, [-2n]]);
  });

  test("a renewal after a restart may bring the deadline forward (L13)", () => {
    const world = new World();
    world.grant(1n, 60);
    world.restart();
    expect(world.remaining(1n)).toBe(61);
    world.renew(1n);
    expect(world.remaining(1n)).toBe(60);
    world.pass(60_500);
    expect(world.ids).toEqual([]);
  });

  test("a step revokes at most 500 (L5)", () => {
    const world = new World();
    for (let id = 1; id <= 1200; id++) world.grant(BigInt(id), 10);
    world.pass(10_000);
    expect(world.ids.length).toBe(700);
    world.timers.pass(500);
    world.timers.settle();
    expect(world.ids.length).toBe(200);
    world.timers.pass(500);
    world.timers.settle();
    expect(world.ids.length).toBe(0);
  });

  test.each([
    [999, 0],
    [3000, 2249],
  ])("of %s leases after a restart, %s are there a second later (L13)", (count, left) => {
    const world = new World();
    for (let id = 1; id <= count; id++) world.grant(BigInt(id), 10);
    world.restart();
    const deadlines = 11_000;
    world.pass(deadlines);
    expect(world.ids.length).toBeGreaterThan(0);
    world.pass(1000);
    expect(world.ids.length).toBe(left);
  });

  test("input that a long pause has held up is handled before anything expires", () => {
    const world = new World();
    world.grant(1n, 1);
    world.pass(500);
    // The renewal was read before the pause ended, but the timers come first.
    world.timers.pass(400);
    world.timers.endOfTurn(() => world.renew(1n));
    world.timers.pass(90);
    world.timers.settle();
    world.pass(900);
    expect(world.ids).toEqual([1n]);
  });

  test("time in which the process stood still does not count", () => {
    const world = new World();
    world.grant(1n, 2);
    world.grant(2n, 2);
    world.pass(1500);
    world.timers.nowMs += 60_000;
    expect(world.remaining(2n)).toBe(0);
    expect(world.renew(1n).ttl).toBe(2);
    world.pass(1500);
    expect(world.ids).toEqual([1n]);
    world.pass(1500);
    expect(world.ids).toEqual([]);
  });

  test("an end that is decided and waits for its turn is not undone by a renewal (L7)", () => {
    const world = new World();
    world.timers.pass(520);
    world.grant(1n, 2);
    // So many keys are deleted in slices: the end comes a turn behind its decision.
    for (let i = 0; i < 1100; i++) world.put(`k${i}`, 1n);
    world.pass(1900);
    // A look at the leases begins before the deadline, and the turn ends behind it.
    world.timers.pass(80);
    world.timers.nowMs += 30;
    world.timers.turn();
    expect(world.ids).toEqual([1n]);
    // The process stands still, so that by its own clock the lease has not run out any more.
    world.timers.nowMs += 60_000;
    const renewal = world.renew(1n);
    expect(renewal.ttl).toBeUndefined();
    world.timers.settle();
    expect([renewal.ttl, world.keys, world.ids]).toEqual([0, 0, []]);
  });

  test("nothing expires once the runner is stopped", () => {
    const world = new World();
    world.grant(1n, 1);
    world.opened.leases.stop();
    world.pass(5000);
    expect(world.ids).toEqual([1n]);
    expect(world.timers.pending).toBe(0);
  });

  test("a lease ends no earlier than promised and at most a step later, whatever is done", () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (actions) => {
        const world = new World();
        /** When each lease ends at the earliest. */
        const ends = new Map<bigint, number>();
        for (const one of actions) {
          if (one.kind === "pass") world.pass(one.ms);
          else if (one.kind === "grant") {
            const expected = ends.has(one.id) ? "leaseExists" : "granted";
            expect(world.grant(one.id, one.ttl)).toBe(expected);
            if (expected === "granted") ends.set(one.id, world.timers.nowMs + one.ttl * 1000);
          } else if (one.kind === "revoke") {
            world.revoke(one.id);
            ends.delete(one.id);
          } else {
            const { ttl } = world.renew(one.id);
            if (ttl !== undefined && ttl > 0) ends.set(one.id, world.timers.nowMs + ttl * 1000);
          }
          const alive = new Set(world.ids);
          const { nowMs } = world.timers;
          for (const [id, end] of ends) {
            if (nowMs < end) expect(alive.has(id)).toBe(true);
            if (nowMs >= end + 500) expect(alive.has(id)).toBe(false);
            if (!alive.has(id)) ends.delete(id);
          }
          expect(alive.size).toBe(ends.size);
        }
      }),
      { numRuns: 100 },
    );
  });
});

const leaseId = fc.constantFrom(1n, 2n, -3n);
const action = fc.oneof(
  fc.record({
    kind: fc.constant("grant" as const),
    id: leaseId,
    ttl: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant("renew" as const), id: leaseId }),
  fc.record({ kind: fc.constant("revoke" as const), id: leaseId }),
  fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(100, 700, 1300) }),
);
