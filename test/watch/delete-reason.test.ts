import { expect, test } from "vitest";
import { parseKeyRange } from "../../src/base/key-range.ts";
import { toRevision } from "../../src/base/revision.ts";
import type { Change, DeleteReason } from "../../src/mvcc/change.ts";
import { MvccStore } from "../../src/mvcc/store.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import { MemoryLog } from "../mvcc/memory-log.ts";
import { ModelClient } from "./model-client.ts";
import { latin1 } from "./model-store.ts";

/** A store and the watchers over it, without the commands between them. */
class Desk {
  readonly hub: WatchHub;
  readonly store: MvccStore;

  constructor(log: MemoryLog) {
    this.store = new MvccStore(log, { hashSeed: 1 });
    log.scan(toRevision(0), (record) => {
      this.store.replay(record);
      return true;
    });
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 3n },
      head: this.store.head,
      compacted: this.store.compacted,
      history: this.store,
      limits: { watchersPerStream: 10, watchersTotal: 10 },
      eventLogBytes: 64 * 1024,
      responseBytesMax: 64 * 1024,
      fragmentBytes: 64 * 1024,
      eventsPerStep: 100,
      wake: () => undefined,
      clock: { monotonicMs: () => 0, wallMs: () => 0 },
    });
  }

  put(key: string): readonly Change[] {
    const txn = this.store.begin();
    txn.put(latin1(key), latin1("value"), 0n);
    txn.end();
    return txn.changes;
  }

  delete(key: string, reason?: DeleteReason): readonly Change[] {
    const txn = this.store.begin();
    txn.delete(parseKeyRange(latin1(key), latin1("")), reason);
    txn.end();
    return txn.changes;
  }

  /** A watch of all keys whose deletes may say why; what it sees of them. */
  watch(startRevision: number, deleteReason: boolean): () => readonly string[] {
    const client = new ModelClient();
    client.stream = this.hub.open(client);
    client.stream.create({
      id: 0,
      interest: {
        range: parseKeyRange(latin1("\0"), latin1("\0")),
        noPut: true,
        noDelete: false,
        prevKv: true,
        extras: { keysOnly: true, latestOnly: false, deleteReason },
      },
      startRevision,
      progressNotify: false,
      fragment: false,
    });
    return () => {
      while (this.hub.busy) this.hub.step();
      const events = client.read().flatMap((response) => response.events);
      return events.map(
        ({ keyValue, isExpiry, previous }) =>
          `${keyValue.key}${isExpiry ? " expired" : ""}, was at ${previous?.mod}`,
      );
    };
  }
}

test("a delete says why to those who asked, live, from memory and after a restart", () => {
  const log = new MemoryLog();
  const desk = new Desk(log);
  const [live, plain] = [desk.watch(0, true), desk.watch(0, false)];
  desk.hub.commit([
    desk.put("a"),
    desk.put("b"),
    desk.delete("a"),
    desk.delete("b", "lease-expiry"),
  ]);
  const expected = ["a, was at 2", "b expired, was at 3"];
  expect(live()).toEqual(expected);
  expect(plain()).toEqual(["a, was at 2", "b, was at 3"]);
  expect(desk.watch(2, true)()).toEqual(expected);

  const reopened = new Desk(log.reopened());
  expect(reopened.watch(2, true)()).toEqual(expected);
  expect(reopened.watch(2, false)()).toEqual(["a, was at 2", "b, was at 3"]);
});
