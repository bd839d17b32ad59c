import { every } from "../base/every.ts";
import { Heap } from "../base/heap.ts";
import type { Clock, Timers } from "../base/outside.ts";
import { EtcdError } from "../base/errors.ts";
import type { Lease, LeaseBook } from "../machine/lease-book.ts";
import type { Replica } from "./replica.ts";

export interface LeaseRunnerOptions {
  readonly book: LeaseBook;
  readonly replica: Pick<Replica, "propose" | "settled">;
  readonly timers: Timers;
  readonly clock: Clock;
  /** By how much a restart extends every lease (L13). */
  readonly electionTimeoutMs: number;
}

/** What LeaseTimeToLive tells of a lease. */
export interface LeaseTime {
  readonly lease: Lease;
  /** Whole seconds, truncated: 0 for one whose time is over and that is not revoked yet (L10). */
  readonly remainingSeconds: number;
}

/** Since the start, for the metrics (G33). */
export interface LeaseCounters {
  granted: number;
  revoked: number;
  renewed: number;
  /** Those of the revoked ones whose time was over. */
  expired: number;
}

/** How often is looked for leases whose time is over, and how many of them are revoked (L5). */
const STEP_MS = 500;
const REVOKES_PER_STEP = 500;
/** A step that is so late says that the process stood still: nobody could renew meanwhile. */
const STANDSTILL_MS: number = 2 * STEP_MS;
/** Entries that one turn takes out of the queue, most of them of leases that were renewed. */
const ENTRIES_PER_TURN = 2000;
/** From so many leases on, the expiries after a restart are spread (L13). */
const SPREAD_FROM = 1000;
const SPREAD_GAP_MS: number = 1000 / 750;

interface Timed {
  readonly lease: Lease;
  /** On the runner's clock; not before it does the lease expire. */
  deadlineMs: number;
  /** What its one valid entry in the queue is ordered by: at or before the deadline. */
  queuedMs: number;
  /** Renewals that came too late and wait for the revoke (L7); there once its end is decided. */
  late: (() => void)[] | undefined;
}

/**
 * The time of leases. A renewal only moves the deadline: it does not go through the log (L9), and
 * the lease's entry in the queue is moved when it comes out, once a TTL and not at each renewal.
 * Expiry is a command like any other; it is proposed after the deadline, never before.
 */
export class LeaseRunner {
  readonly #book: LeaseBook;
  readonly #replica: Pick<Replica, "propose" | "settled">;
  readonly #timers: Timers;
  readonly #clock: Clock;
  readonly #timed = new Map<bigint, Timed>();
  readonly #queue = new Heap<Timed>();
  readonly #counters: LeaseCounters = { granted: 0, revoked: 0, renewed: 0, expired: 0 };
  readonly #cancelStep: () => void;
  /** Grants and revokes that are not durable yet. */
  #unsettled = 0;
  #stopped = false;
  /** When the last step came, on the real clock, and for how long the process has stood still. */
  #steppedMs: number;
  #stoodMs = 0;

  constructor(options: LeaseRunnerOptions) {
    this.#book = options.book;
    this.#replica = options.replica;
    this.#timers = options.timers;
    this.#clock = options.clock;
    this.#steppedMs = options.clock.monotonicMs();
    this.#book.listen({
      granted: (lease) => this.#granted(lease),
      revoked: (lease) => this.#revoked(lease),
    });
    this.#extendAll(options.electionTimeoutMs);
    // The input that a long pause has held up is handled before anything expires.
    this.#cancelStep = every(options.timers, STEP_MS, () => {
      this.#now();
      this.#steppedMs = options.clock.monotonicMs();
      options.timers.endOfTurn(() => this.#step(REVOKES_PER_STEP));
    });
  }

  get counters(): Readonly<LeaseCounters> {
    return this.#counters;
  }

  /**
   * Moves the deadline to now + TTL (L7); `done` gets the TTL, or 0 when there is no such lease. It
   * is called once that is sure to stay true: at once, unless leases are coming or going just now.
   */
  renew(id: bigint, done: (ttlSeconds: number) => void): void {
    const timed = this.#timed.get(id);
    if (timed === undefined) {
      this.#answer(done, 0);
      return;
    }
    const nowMs = this.#now();
    // What is decided stays so: the clock may have gone back since, and the revoke wait its turn.
    if (timed.late !== undefined || timed.deadlineMs <= nowMs) {
      timed.late ??= [];
      timed.late.push(() => done(0));
      return;
    }
    this.#counters.renewed++;
    this.#refresh(timed, nowMs);
    this.#answer(done, timed.lease.ttlSeconds);
  }

  /** The lease and what is left of it; undefined when there is none. */
  timeToLive(id: bigint): LeaseTime | undefined {
    const timed = this.#timed.get(id);
    if (timed === undefined) return undefined;
    const remainingMs = timed.deadlineMs - this.#now();
    const remainingSeconds = Math.max(0, Math.trunc(remainingMs / 1000));
    return { lease: timed.lease, remainingSeconds };
  }

  /** All leases, the one with the least time left first (L11). */
  list(): readonly Lease[] {
    const all = [...this.#timed.values()];
    all.sort((left, right) => left.deadlineMs - right.deadlineMs);
    return all.map((timed) => timed.lease);
  }

  /** No lease expires from now on. */
  stop(): void {
    this.#stopped = true;
    this.#cancelStep();
  }

  /**
   * Milliseconds in which the process ran. While it stands still, stopped or without a processor,
   * renewals wait in its sockets, so that this time does not count.
   */
  #now(): number {
    const realMs = this.#clock.monotonicMs();
    const sinceStepMs = realMs - this.#steppedMs;
    if (sinceStepMs > STANDSTILL_MS) {
      // Some of it the process may have run: a lease may end so much later, but never earlier.
      this.#stoodMs += sinceStepMs;
      this.#steppedMs = realMs;
    }
    return realMs - this.#stoodMs;
  }

  #answer(done: (ttlSeconds: number) => void, ttlSeconds: number): void {
    if (this.#unsettled === 0) done(ttlSeconds);
    else this.#replica.settled(() => done(ttlSeconds));
  }

  #granted(lease: Lease): void {
    this.#counters.granted++;
    const deadlineMs = this.#now() + lease.ttlSeconds * 1000;
    const timed = this.#keep(lease, deadlineMs);
    this.#unsettled++;
    this.#replica.settled(() => {
      this.#unsettled--;
      // However long the disk took, the client is owed the whole TTL from its answer on.
      this.#refresh(timed, this.#now());
    });
  }

  #revoked(lease: Lease): void {
    this.#counters.revoked++;
    const timed = this.#timed.get(lease.id);
    this.#timed.delete(lease.id);
    this.#unsettled++;
    this.#replica.settled(() => {
      this.#unsettled--;
      for (const answer of timed?.late ?? []) answer();
    });
  }

  #keep(lease: Lease, deadlineMs: number): Timed {
    const timed: Timed = { lease, deadlineMs, queuedMs: 0, late: undefined };
    this.#timed.set(lease.id, timed);
    this.#enqueue(timed);
    return timed;
  }

  #refresh(timed: Timed, nowMs: number): void {
    timed.deadlineMs = nowMs + timed.lease.ttlSeconds * 1000;
    // A restart may have given it more than its TTL.
    if (timed.deadlineMs < timed.queuedMs) this.#enqueue(timed);
  }

  #enqueue(timed: Timed): void {
    timed.queuedMs = timed.deadlineMs;
    this.#queue.push(timed.queuedMs, timed);
  }

  /** L13: every lease gets its whole TTL again, and time for its client to find the server. */
  #extendAll(electionTimeoutMs: number): void {
    const startMs = this.#now() + electionTimeoutMs;
    const leases = [...this.#book.all()].sort((one, other) => one.ttlSeconds - other.ttlSeconds);
    const gapMs = leases.length >= SPREAD_FROM ? SPREAD_GAP_MS : 0;
    let freeMs = 0;
    for (const lease of leases) {
      const deadlineMs = Math.max(startMs + lease.ttlSeconds * 1000, freeMs);
      freeMs = deadlineMs + gapMs;
      this.#keep(lease, deadlineMs);
    }
  }

  /** Revokes up to so many leases whose time is over. */
  #step(revokes: number): void {
    if (this.#stopped) return;
    const nowMs = this.#now();
    let left = revokes;
    for (let entries = 0; this.#queue.least <= nowMs && left > 0; entries++) {
      if (entries === ENTRIES_PER_TURN) {
        this.#timers.endOfTurn(() => this.#step(left));
        return;
      }
      const queuedMs = this.#queue.least;
      const timed = this.#queue.pop();
      if (timed === undefined || timed.queuedMs !== queuedMs) continue;
      if (this.#timed.get(timed.lease.id) !== timed) continue;
      if (timed.deadlineMs > nowMs) {
        this.#enqueue(timed);
        continue;
      }
      left--;
      if (!this.#expire(timed)) return;
    }
  }

  /** False when the command is not taken just now: the next step tries again. */
  #expire(timed: Timed): boolean {
    const { id } = timed.lease;
    const command = { kind: "lease-revoke", id, reason: "expiry" } as const;
    timed.late ??= [];
    let isTaken = true;
    this.#replica.propose(command, (outcome) => {
      if (!(outcome instanceof EtcdError)) {
        this.#counters.expired++;
        return;
      }
      isTaken = false;
      // Refused at once, or when its turn came behind others.
      if (this.#timed.get(id) === timed) this.#enqueue(timed);
    });
    return isTaken;
  }
}
