import { beforeEach, describe, expect, test } from "vitest";
import { EtcdError } from "../../src/base/errors.ts";
import type { Command } from "../../src/machine/command.ts";
import { parseKeyValue } from "../../src/mvcc/key-value.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { RESERVE_PATH } from "../../src/storage/disk-reserve.ts";
import { SimDisk, SimDiskError } from "../sim/sim-disk.ts";
import { SimRandom } from "../sim/sim-random.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { latin1 } from "../watch/model-store.ts";
import { putCommand, rangeQuery } from "../support/commands.ts";

const RESERVE_BYTES = 64 * 1024;
const VALUE_BYTES = 1000;
const KEYS = 40;

let capacity: number;
let fault: SimDiskError | undefined;
let disk: SimDisk;
let timers: ManualTimers;
let opened: OpenedReplica;
let failures: Error[];
/** What was acknowledged: the value's first byte by key. */
let acknowledged: Map<string, number>;

function open(): void {
  timers = new ManualTimers();
  failures = [];
  opened = openTestReplica({
    disk,
    timers,
    reserveBytes: RESERVE_BYTES,
    watch: {
      limits: { watchersPerStream: 10, watchersTotal: 10 },
      eventLogBytes: 4096,
      responseBytesMax: 1000,
      fragmentBytes: 1000,
      eventsPerStep: 2,
    },
    failed: (error) => failures.push(error),
    rewriteFailed: () => {},
  });
  settle();
}

beforeEach(() => {
  capacity = 600_000;
  fault = undefined;
  acknowledged = new Map();
  disk = new SimDisk(11, {
    capacity: () => capacity,
    fault: (call, path) => (call === "write" && path.endsWith(".seg") ? fault : undefined),
  });
  open();
});

/** Lets disk and turns go on until neither has anything left to do. */
function settle(): void {
  for (let i = 0; i < 100_000; i++) {
    const isTurned = timers.turn();
    if (!disk.step() && !isTurned) return;
  }
  throw new Error("the disk never rests");
}

function ask(command: Command): string {
  let answer = "no answer";
  opened.replica.propose(command, (outcome) => {
    answer = outcome instanceof EtcdError ? outcome.name : "ok";
  });
  settle();
  return answer;
}

function put(key: string, byte: number): string {
  const answer = ask(putCommand(latin1(key), new Uint8Array(VALUE_BYTES).fill(byte)));
  if (answer === "ok") acknowledged.set(key, byte);
  return answer;
}

function deleteKey(key: string): string {
  const range = { kind: "single", key: latin1(key) } as const;
  const answer = ask({ kind: "delete-range", range, prevKv: false });
  if (answer === "ok") acknowledged.delete(key);
  return answer;
}

/** Overwrites a few keys until a put is refused; returns the refusal. */
function fill(): string {
  for (let i = 0; i < 5000; i++) {
    const answer = put(`k${i % KEYS}`, i % 251);
    if (answer !== "ok") return answer;
  }
  throw new Error("the disk never fills");
}

function disarm(): string {
  const { memberId } = opened.identity;
  return ask({ kind: "alarm", action: "deactivate", memberId, alarm: "nospace" });
}

function stored(): Map<string, number> {
  const query = rangeQuery({ kind: "from", start: latin1("\0") });
  const outcome = opened.replica.read(query);
  if (outcome instanceof EtcdError) throw outcome;
  return new Map(
    outcome.keyValues.map((bytes) => {
      const { key, value } = parseKeyValue(bytes);
      return [Buffer.from(key).toString("latin1"), value[0] ?? -1];
    }),
  );
}

describe("a full disk", () => {
  test("raises NOSPACE, refuses puts, and goes on with reads, deletes and compaction", () => {
    expect(fill()).toBe("noSpace");
    expect(failures).toEqual([]);
    expect(opened.replica.alarms).toMatchObject([{ alarm: "nospace", memberId: 2n }]);
    expect(disk.paths()).not.toContain(RESERVE_PATH);
    expect(stored()).toEqual(acknowledged);
    for (let i = 0; i < KEYS / 2; i++) expect(deleteKey(`k${i}`)).toBe("ok");
    const { revision } = opened.replica.view;
    expect(ask({ kind: "compact", revision, physical: true })).toBe("ok");
    expect(stored()).toEqual(acknowledged);
    expect(put("k1", 1)).toBe("noSpace");
  });

  test("takes puts again once compaction made room and the alarm was taken back", () => {
    fill();
    const used = disk.bytesUsed;
    const { revision } = opened.replica.view;
    expect(ask({ kind: "compact", revision, physical: true })).toBe("ok");
    let refusal: EtcdError | undefined;
    opened.replica.defragment((given) => {
      refusal = given;
    });
    settle();
    expect(refusal).toBeUndefined();
    expect(disk.bytesUsed).toBeLessThan(used / 2);
    expect(disarm()).toBe("ok");
    expect(put("k1", 7)).toBe("ok");
    // The reserve is there for the next time.
    expect(disk.paths()).toContain(RESERVE_PATH);
    expect(stored()).toEqual(acknowledged);
  });

  test("raises the alarm again when it is taken back while the disk is still full", () => {
    fill();
    expect(disarm()).toBe("ok");
    expect(fill()).toBe("noSpace");
    expect(failures).toEqual([]);
    expect(stored()).toEqual(acknowledged);
  });

  test.each(["process", "power"] as const)(
    "loses nothing that was acknowledged when the %s goes",
    (kind) => {
      fill();
      deleteKey("k3");
      disk = disk.crash(kind);
      open();
      expect(opened.replica.alarms).toHaveLength(1);
      expect(stored()).toEqual(acknowledged);
      expect(put("k1", 1)).toBe("noSpace");
    },
  );

  test("makes a commit wait that fits nowhere, serves reads, and writes it when there is room", () => {
    put("k1", 1);
    capacity = 0;
    // More than what was prepared ahead and kept in reserve.
    let answers = 0;
    for (let i = 0; i < 200; i++) {
      const value = new Uint8Array(VALUE_BYTES).fill(9);
      opened.replica.propose(putCommand(latin1(`w${i}`), value), () => answers++);
    }
    settle();
    expect(answers).toBe(0);
    expect(stored()).toEqual(acknowledged);
    timers.pass(1000);
    settle();
    expect([answers, failures]).toEqual([0, []]);
    capacity = 2_000_000;
    timers.pass(1000);
    settle();
    expect(answers).toBe(200);
    expect(stored().size).toBe(201);
  });

  test("ends a server that is told to stop while a commit waits for room", () => {
    capacity = 0;
    const value = new Uint8Array(200_000);
    opened.replica.propose(putCommand(latin1("k"), value), () => {});
    settle();
    expect(failures).toEqual([]);
    opened.replica.stop(() => {});
    settle();
    expect(failures).toHaveLength(1);
  });
});

test("any other failed write ends the process at once", () => {
  put("k1", 1);
  fault = new SimDiskError("EIO");
  expect(put("k2", 2)).toBe("no answer");
  expect(failures).toHaveLength(1);
});

/** Values that a key may have: the acknowledged one, and those of commands not answered yet. */
type Possible = Map<string, Set<number | undefined>>;

/** Random work on a disk that is full now and then, with a power failure in the middle of it. */
function runSeed(seed: number): { readonly refused: number; readonly answered: number } {
  const random = new SimRandom(seed);
  const possible: Possible = new Map();
  let refused = 0;
  let answered = 0;
  const may = (key: string): Set<number | undefined> => {
    const values = possible.get(key) ?? new Set([undefined]);
    possible.set(key, values);
    return values;
  };
  capacity = 200_000 + random.below(300_000);
  disk = new SimDisk(seed, { capacity: () => capacity });
  open();
  const propose = (command: Command, key: string, value: number | undefined): void => {
    may(key).add(value);
    opened.replica.propose(command, (outcome) => {
      const isRefused = outcome instanceof EtcdError;
      refused += Number(isRefused);
      answered++;
      if (isRefused) return;
      possible.set(key, new Set([value]));
    });
  };
  for (let i = 0; i < 400; i++) {
    const key = `k${i % 30}`;
    const byte = i % 251;
    const value = new Uint8Array(random.below(2000)).fill(byte);
    const dice = random.below(100);
    const range = { kind: "single", key: latin1(key) } as const;
    if (dice < 80) {
      const whole = Uint8Array.of(byte, ...value);
      propose(putCommand(latin1(key), whole), key, byte);
    } else if (dice < 90) propose({ kind: "delete-range", range, prevKv: false }, key, undefined);
    else if (dice < 93) {
      const { revision } = opened.replica.view;
      opened.replica.propose({ kind: "compact", revision, physical: false }, () => {});
    } else if (dice < 96) opened.replica.defragment(() => {});
    else if (dice < 98) {
      const { memberId } = opened.identity;
      const lift = { kind: "alarm", action: "deactivate", memberId, alarm: "nospace" } as const;
      opened.replica.propose(lift, () => {});
    } else capacity = 200_000 + random.below(400_000);
    // A key comes again only when all before it has been answered, or never will be.
    if (i % 30 === 29) settle();
    else for (let steps = random.below(4); steps > 0; steps--) if (!disk.step()) timers.turn();
    if (random.chance(0.1)) timers.pass(1000);
  }
  disk = disk.crash("power");
  open();
  const found = stored();
  for (const [key, values] of possible) {
    const value = found.get(key);
    if (!values.has(value)) throw new Error(`seed ${seed}: ${key} is ${value}`);
  }
  for (const error of failures) throw new Error(`seed ${seed}`, { cause: error });
  return { refused, answered };
}

test("a disk that is full now and then loses nothing that was acknowledged, for 60 seeds", () => {
  let refused = 0;
  let answered = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const run = runSeed(seed);
    refused += run.refused;
    answered += run.answered;
  }
  // The runs have to reach what they are for.
  expect(refused).toBeGreaterThan(500);
  expect(answered - refused).toBeGreaterThan(5000);
});
