import { toRevision } from "../../src/base/revision.ts";
import { WatcherDirectory } from "../../src/api/watcher-directory.ts";
import { WatchHub } from "../../src/watch/hub.ts";
import { ManualTime } from "../http2/manual-time.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { ModelStore } from "../watch/model-store.ts";
import type { ImmediateReplica } from "./immediate-replica.ts";

/** A hub on the naive store, a directory of its watchers, and time that a test moves. */
export class TestWatchers {
  readonly time: ManualTime = new ManualTime();
  /** Ends turns of the event loop when told to. */
  readonly turns: ManualTimers = new ManualTimers();
  readonly store: ModelStore = new ModelStore();
  readonly hub: WatchHub;
  readonly directory: WatcherDirectory;

  constructor(replica: ImmediateReplica, watchersMax: number = 1_000_000) {
    this.store.head = 1;
    this.hub = new WatchHub({
      identity: { clusterId: 1n, memberId: 2n, raftTerm: 2n },
      head: toRevision(1),
      compacted: -1,
      history: this.store,
      limits: { watchersPerStream: watchersMax, watchersTotal: watchersMax },
      eventLogBytes: 4096,
      responseBytesMax: 1024 * 1024,
      fragmentBytes: 2 * 1024 * 1024,
      eventsPerStep: 4,
      wake: () => undefined,
      clock: this.time,
    });
    this.directory = new WatcherDirectory({ hub: this.hub, replica, timers: this.turns });
  }
}
