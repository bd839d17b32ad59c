import fc from "fast-check";
import { expect, test } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import type { Command } from "../../src/machine/command.ts";
import type { OpenedReplica } from "../../src/replica/open-replica.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { openTestReplica } from "../support/test-replica.ts";
import { ModelClient, type SeenResponse } from "./model-client.ts";
import { latin1 } from "./model-store.ts";
import { ScenarioWorld } from "./scenario-world.ts";
import { putCommand } from "../support/commands.ts";

/** The second is above what is deleted in one turn of the event loop. */
const KEYS = [1000, 3000];
const LEASE = 7n;
const TTL_MS = 2000;
/** Far less than the deletes of all keys need. */
const FRAGMENT_BYTES = 4096;

/** A replica with watchers whose time the test moves. */
class World {
  readonly disk = new MemoryDisk();
  timers = new ManualTimers();
  opened: OpenedReplica = this.#open();

  restart(): void {
    this.timers = new ManualTimers();
    this.opened = this.#open();
  }

  propose(command: Command): void {
    this.opened.replica.propose(command, () => undefined);
  }

  put(key: string, lease: bigint): void {
    this.propose(putCommand(latin1(key), latin1(`of ${key}`), lease));
  }

  watch(startRevision: number, { fragment = false, prevKv = false } = {}): Seen {
    const client = new ModelClient();
    client.stream = this.opened.hub.open(client);
    const range = parseKeyRange(latin1("\0"), latin1("\0"));
    const interest = { range, noPut: true, noDelete: false, prevKv };
    client.stream.create({ id: 0, interest, startRevision, progressNotify: false, fragment });
    return () => {
      const all: SeenResponse[] = [];
      for (let next = client.read(); next.length > 0; next = client.read()) {
        all.push(...next);
        this.timers.settle();
      }
      return all.filter(({ events }) => events.length > 0);
    };
  }

  #open(): OpenedReplica {
    const { timers } = this;
    const opened = openTestReplica({
      disk: this.disk,
      timers,
      clock: { monotonicMs: () => timers.nowMs, wallMs: () => 0 },
      watch: {
        limits: { watchersPerStream: 10, watchersTotal: 10 },
        eventLogBytes: 16 * 1024,
        responseBytesMax: FRAGMENT_BYTES,
        fragmentBytes: FRAGMENT_BYTES,
        eventsPerStep: 100,
      },
    });
    timers.settle();
    return opened;
  }
}

/** The responses with events that came since it was last asked. */
type Seen = () => readonly SeenResponse[];

/** Keys in no order, some of bytes that are no text. */
function shuffledKeys(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const scattered = (i * 7919) % count;
    return `${String.fromCharCode(scattered % 256)}${scattered}`;
  });
}

test.each(KEYS)(
  "a lease that expires deletes its %s keys in one revision, in order, whole (L4)",
  (count) => {
    const keys = shuffledKeys(count);
    const world = new World();
    world.propose({ kind: "lease-grant", id: LEASE, ttlSeconds: TTL_MS / 1000 });
    for (const key of keys) world.put(key, LEASE);
    world.put("other", 0n);
    world.timers.settle();
    const { revision } = world.opened.replica.view;
    const plain = world.watch(0);
    const before = world.watch(0, { prevKv: true });
    const pieces = world.watch(0, { fragment: true });
    world.timers.pass(TTL_MS + 500);
    // What is written in the same turn has a revision of its own.
    world.put("later", 0n);
    world.timers.settle();
    const end = revision + 2;
    expect(world.opened.replica.view.revision).toBe(end);
    expect(world.opened.store.keyCount).toBe(2);

    const ascending = keys.toSorted((one, other) =>
      Buffer.compare(Buffer.from(one, "latin1"), Buffer.from(other, "latin1")),
    );
    const isWhole = (responses: readonly SeenResponse[]): void => {
      const events = responses.flatMap((response) => response.events);
      expect(events.map(({ keyValue }) => keyValue.key)).toEqual(ascending);
      expect(new Set(events.map(({ keyValue }) => keyValue.mod))).toEqual(new Set([end]));
      const isCut = responses.map(({ fragment }) => fragment);
      expect(isCut).toEqual(responses.map((_, i) => i < responses.length - 1));
    };
    const inPieces = pieces();
    expect(inPieces.length).toBeGreaterThan(1);
    isWhole(inPieces);
    const values = before();
    isWhole(values);
    expect(values[0]?.events.map(({ previous }) => previous?.value)).toEqual(
      ascending.map((key) => `of ${key}`),
    );
    const whole = plain();
    expect(whole.length).toBe(1);
    isWhole(whole);
    world.restart();
    isWhole(world.watch(revision)());
    isWhole(world.watch(end, { fragment: true })());
  },
);

test("every watcher is told of the end of a lease once, whatever happens around it (L4, L12, L13)", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (lines) => {
      const world = new ScenarioWorld();
      const begin = (): void => {
        for (const name of ["live", "slow room=1"]) world.run(`stream ${name}`);
        world.run("watch live key=a end=z prev");
        world.run("watch slow key=a end=z start=1");
      };
      begin();
      for (const line of lines) {
        world.run(line);
        if (line === "restart") begin();
      }
      world.run("settle");
      world.run("pass 10000");
      expect(world.faults()).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

const key = fc.constantFrom("a", "b", "c");
const lease = fc.constantFrom(0, 1, 2);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(key, lease).map(([one, id]) => `put ${one} v ${id}`) },
  { weight: 1, arbitrary: key.map((one) => `delete ${one}`) },
  { weight: 1, arbitrary: lease.map((id) => `txn delete a z; put b v ${id}`) },
  { weight: 3, arbitrary: fc.constantFrom("grant 1 1", "grant 2 2") },
  { weight: 1, arbitrary: fc.constantFrom("revoke 1", "revoke 2") },
  { weight: 1, arbitrary: fc.constantFrom("renew 1", "renew 2") },
  { weight: 3, arbitrary: fc.constantFrom("pass 400", "pass 900", "pass 2500", "stand 9000") },
  { weight: 2, arbitrary: fc.constantFrom("hold", "turn", "settle") },
  { weight: 2, arbitrary: fc.constantFrom("read live", "read slow") },
  { weight: 1, arbitrary: fc.constant("restart") },
);
