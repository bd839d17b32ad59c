import { beforeEach, describe, expect, it } from "vitest";
import { EtcdError } from "../../src/base/errors.ts";
import type { KeyRange } from "../../src/base/key-range.ts";
import type { Command } from "../../src/machine/command.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { HeldDisk } from "../support/held-disk.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { ModelClient } from "../watch/model-client.ts";
import { latin1 } from "../watch/model-store.ts";
import { putCommand, rangeQuery } from "../support/commands.ts";

const KEYS = 3000;
const LEASE = 7n;
/** What the first put after an empty store's head and the keys gives. */
const FILLED = 1 + KEYS;

let disk: HeldDisk;
let timers: ManualTimers;
let opened: OpenedReplica;
let answers: string[];

/** A clock that moves whenever it is looked at, so that a turn is full after a few looks. */
function open(): void {
  timers = new ManualTimers();
  answers = [];
  let nowMs = 0;
  opened = openTestReplica({
    disk,
    timers,
    clock: { monotonicMs: () => (nowMs += 0.25), wallMs: () => 0 },
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 10 },
      eventLogBytes: 1024 * 1024,
      responseBytesMax: 1024 * 1024,
      fragmentBytes: 1024 * 1024,
      eventsPerStep: 100,
    },
  });
}

function propose(name: string, command: Command): void {
  opened.replica.propose(command, (outcome) => {
    answers.push(`${name} ${outcome instanceof EtcdError ? outcome.name : `@${outcome.revision}`}`);
  });
}

function put(key: string, lease: bigint = 0n): void {
  propose(key, putCommand(latin1(key), latin1(key), lease));
}

const LARGE: KeyRange = { kind: "range", start: latin1("k"), end: latin1("l") };
const ALL: KeyRange = { kind: "from", start: latin1("\0") };

const MEMBER = { memberId: 2n, name: "t", peerUrls: [], clientUrls: [], raftTerm: 2n };

/** Each way to delete many keys in one revision. */
const LARGE_WRITES: readonly (readonly [string, Command])[] = [
  ["delete-range", { kind: "delete-range", range: LARGE, prevKv: false }],
  ["lease-revoke", { kind: "lease-revoke", id: LEASE, reason: "expiry" }],
  [
    "txn",
    {
      kind: "txn",
      compares: [],
      success: [{ kind: "delete-range", range: LARGE, prevKv: true }],
      failure: [],
      readOnly: false,
    },
  ],
];

function count(range: KeyRange, revision: number = 0): number {
  const query = rangeQuery(range, { revision, countOnly: true });
  const outcome = opened.replica.read(query);
  if (outcome instanceof EtcdError) throw outcome;
  return outcome.count;
}

function watchAll(): ModelClient {
  const client = new ModelClient();
  client.stream = opened.hub.open(client);
  client.stream.create({
    id: 0,
    interest: { range: ALL, noPut: false, noDelete: false, prevKv: false },
    startRevision: 0,
    progressNotify: false,
    fragment: false,
  });
  return client;
}

/** Ends turns until the large write has begun and some of it has been done. */
function goHalfWay(): void {
  while (!opened.store.isWriting) expect(timers.turn()).toBe(true);
  timers.turn();
  expect(opened.store.isWriting).toBe(true);
}

beforeEach(() => {
  disk = new HeldDisk();
  open();
  propose("grant", { kind: "lease-grant", id: LEASE, ttlSeconds: 60 });
  for (let i = 0; i < KEYS; i++) put(`k${i}`, LEASE);
  timers.settle();
  answers = [];
});

describe.each(LARGE_WRITES)("a large %s", (_, command) => {
  it("is one revision, and until it is whole readers and watchers see what was before", () => {
    const client = watchAll();
    client.read();
    propose("large", command);
    goHalfWay();
    let turns = 0;
    while (opened.store.isWriting) {
      expect([count(ALL), count(ALL, FILLED), opened.replica.view.revision]).toEqual([
        KEYS,
        KEYS,
        FILLED,
      ]);
      expect([client.read(), answers]).toEqual([[], []]);
      timers.turn();
      turns++;
    }
    expect(turns).toBeGreaterThan(3);
    timers.settle();
    expect(answers).toEqual([`large @${FILLED + 1}`]);
    expect([count(ALL), count(ALL, FILLED)]).toEqual([0, KEYS]);
    const events = client.read().flatMap((response) => response.events);
    expect(events.length).toBe(KEYS);
    expect(new Set(events.map(({ keyValue }) => keyValue.mod))).toEqual(new Set([FILLED + 1]));
    expect(opened.book.find(LEASE)?.keys.size ?? 0).toBe(0);
    opened.store.checkInvariants();
    opened.book.checkInvariants();
    opened.hub.checkInvariants();
  });

  it("leaves nothing when the process dies half-way, and all once it was answered", () => {
    propose("large", command);
    goHalfWay();
    // A snapshot waits for a commit, which has to wait for the write.
    let snapshots = 0;
    opened.replica.snapshot(MEMBER, () => snapshots++);
    timers.turn();
    timers.turn();
    expect([opened.store.isWriting, snapshots]).toEqual([true, 0]);
    open();
    timers.settle();
    expect([count(ALL), opened.store.head]).toEqual([KEYS, FILLED]);
    expect(opened.book.find(LEASE)?.keys.size).toBe(KEYS);
    propose("large", command);
    timers.settle();
    expect(answers).toEqual([`large @${FILLED + 1}`]);
    open();
    timers.settle();
    expect([count(ALL), opened.store.head]).toEqual([0, FILLED + 1]);
    opened.store.checkInvariants();
  });

  it("lets what came before become durable without it, and what comes after wait its turn", () => {
    put("k-before");
    propose("large", command);
    const borrowed = latin1("k-after");
    propose("after", putCommand(borrowed, borrowed));
    // Whoever proposes gets the bytes back at once.
    borrowed.fill(0x78);
    goHalfWay();
    put("late");
    expect(answers).toEqual([`k-before @${FILLED + 1}`]);
    timers.settle();
    const order = ["k-before", "large", "after", "late"];
    expect(answers).toEqual(order.map((name, i) => `${name} @${FILLED + 1 + i}`));
    expect(count({ kind: "single", key: latin1("k-after") })).toBe(1);
    expect(count({ kind: "single", key: latin1("late") })).toBe(1);
  });

  it("begins when what came before is on its way to the disk", () => {
    disk.isHolding = true;
    put("k-first");
    timers.settle();
    put("k-second");
    propose("large", command);
    timers.settle();
    expect(opened.store.isWriting).toBe(false);
    disk.release();
    goHalfWay();
    disk.release();
    expect(answers).toEqual([`k-first @${FILLED + 1}`, `k-second @${FILLED + 2}`]);
    expect(opened.store.isWriting).toBe(true);
  });

  it("is not torn by a commit, a compaction or a rewrite that comes meanwhile", () => {
    propose("compact", { kind: "compact", revision: FILLED, physical: true });
    propose("large", command);
    let defragmented = false;
    opened.replica.defragment(() => (defragmented = true));
    goHalfWay();
    let settled = false;
    // All that was applied whole is durable, so nobody waits for the rest.
    opened.replica.settled(() => (settled = true));
    timers.settle();
    expect([settled, defragmented]).toEqual([true, true]);
    expect(answers.toSorted()).toEqual([`compact @${FILLED + 1}`, `large @${FILLED + 1}`]);
    opened.store.checkInvariants();
    open();
    timers.settle();
    expect([count(ALL), opened.store.head]).toEqual([0, FILLED + 1]);
  });

  it("is finished before the replica stops, and those behind it are not begun", () => {
    propose("large", command);
    goHalfWay();
    put("behind");
    let isStopped = false;
    opened.replica.stop(() => (isStopped = true));
    timers.settle();
    expect([isStopped, answers]).toEqual([true, [`large @${FILLED + 1}`]]);
  });
});

it("keys of a lease are read before or after a large write, never half-way", () => {
  propose("large", { kind: "delete-range", range: LARGE, prevKv: false });
  const seen: (number | undefined)[] = [];
  const look = (): void => void seen.push(opened.book.find(LEASE)?.keys.size);
  opened.replica.whenWhole(look);
  goHalfWay();
  for (let i = 0; i < 3; i++) opened.replica.whenWhole(look);
  timers.settle();
  expect(seen).toEqual([KEYS, 0, 0, 0]);
});

it("commands that wait in line are bounded by their bytes: more is refused", () => {
  propose("large", { kind: "delete-range", range: LARGE, prevKv: false });
  const value = new Uint8Array(1024 * 1024);
  for (let i = 0; i < 70; i++) {
    propose(`m${i}`, putCommand(latin1(`m${i}`), value));
  }
  expect(answers).toEqual(Array.from({ length: 6 }, (_, i) => `m${64 + i} tooManyRequests`));
});

it("a write that a full disk holds up does not keep a large one, or an alarm, in line", () => {
  disk.isHolding = true;
  put("stuck");
  timers.settle();
  disk.failure = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  put("k-behind");
  propose("large", { kind: "delete-range", range: LARGE, prevKv: false });
  disk.release();
  timers.settle();
  expect(opened.machine.alarms.map(({ alarm }) => alarm)).toEqual(["nospace"]);
  expect(answers).toEqual([]);
});
