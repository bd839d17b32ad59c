import type { Clock } from "../../src/base/outside.ts";
import {
  type OpenedReplica,
  openReplica,
  type OpenReplicaOptions,
} from "../../src/replica/open-replica.ts";

/** What tests choose; a failure that a test does not listen to is thrown. */
type Chosen = Pick<OpenReplicaOptions, "disk" | "timers" | "watch"> & {
  /** One that stands still unless said otherwise. */
  readonly clock?: Clock;
  readonly failed?: (error: Error) => void;
  readonly rewriteFailed?: (error: Error) => void;
  readonly reserveBytes?: number;
};

/** A whole replica with small files, a clock that stands still and no chance. */
export function openTestReplica({
  failed = raise,
  rewriteFailed = failed,
  reserveBytes = 0,
  ...chosen
}: Chosen): OpenedReplica {
  return openReplica({
    ...chosen,
    log: {
      segmentBytes: 64 * 1024,
      residentBytes: 1024 * 1024,
      reserveBytes,
      identity: { clusterId: 1n, memberId: 2n, name: "test", secret: 3n },
    },
    clock: chosen.clock ?? { monotonicMs: () => 0, wallMs: () => 0 },
    random: { u32: () => 7 },
    electionTimeoutMs: 1000,
    raftTerm: 2n,
    peerUrls: ["http://localhost:2380"],
    committed: () => undefined,
    failed,
    rewriteFailed,
  });
}

function raise(error: Error): void {
  throw error;
}
