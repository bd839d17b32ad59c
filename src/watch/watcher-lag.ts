import { unreachable } from "../base/assert.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import type { CommitTimes } from "./commit-times.ts";
import type { EventLog } from "./event-log.ts";
import type { Position } from "./watcher.ts";

/** The least revision that a watcher may still be sent. */
export function cursorOf(position: Position, head: Revision): Revision {
  switch (position.kind) {
    case "synced":
    case "cancelled":
      return nextRevision(head);
    case "future":
    case "unsynced":
    case "victim":
      return position.nextRevision;
    case "listing":
      return nextRevision(position.listing.cursor.revision);
    case "riding":
      return position.boarded > position.sweep.at ? position.boarded : position.sweep.at;
    default:
      return unreachable(position);
  }
}

/** Revisions up to the head that the watcher has not been taken past. */
export function lagRevisions(cursor: Revision, head: Revision): number {
  return Math.max(0, head + 1 - cursor);
}

/** How many bytes of history lie ahead of a watcher. */
export interface LagBytes {
  /** Encoded bytes of all events from its cursor on, whether they concern it or not. */
  readonly bytes: number;
  /** Whether some of these revisions are no longer in the event log, and their size is a guess. */
  readonly isEstimate: boolean;
}

/**
 * Exact for what the event log holds; each revision below it counts as the mean of those that ever
 * were in the log, or as `revisionBytesGuess` before there were any.
 */
export function lagBytes(log: EventLog, cursor: Revision, revisionBytesGuess: number): LagBytes {
  const missing = Math.max(0, log.completeFrom - cursor);
  const mean = log.meanRevisionBytes ?? revisionBytesGuess;
  return {
    bytes: log.bytesFrom(cursor) + Math.round(missing * mean),
    isEstimate: missing > 0,
  };
}

/**
 * For how long the oldest revision that the watcher waits for has been durable, in whole
 * milliseconds. Of revisions from before the hub was opened the time since then is all that is
 * known.
 */
export function lagMs(
  times: CommitTimes,
  cursor: Revision,
  { head, nowMs }: { readonly head: Revision; readonly nowMs: number },
): number {
  return cursor > head ? 0 : Math.max(0, Math.round(nowMs - times.timeOf(cursor)));
}
