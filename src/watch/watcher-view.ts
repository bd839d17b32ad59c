import type { WatchHub } from "./hub.ts";
import type { Wishes } from "./interest.ts";
import type { WatchId } from "./response-head.ts";
import type { WatchRange } from "./watch-range.ts";
import type { StreamClient } from "./watch-stream.ts";
import type { FallCause, PositionKind, Watcher } from "./watcher.ts";
import { type LagBytes, lagBytes, lagMs } from "./watcher-lag.ts";
import type { Sighting } from "./watcher-survey.ts";

/** All that can be said of one watcher, put together when somebody asks. */
export interface WatcherView {
  /** With `watchId` the watcher's name. */
  readonly streamNumber: number;
  readonly watchId: WatchId;
  readonly client: StreamClient;
  readonly range: WatchRange;
  /** What its client asked for besides, by the names of the request's fields. */
  readonly options: readonly string[];
  readonly position: PositionKind;
  readonly nextRevision: number;
  readonly lagRevisions: number;
  readonly lagBytes: LagBytes;
  readonly lagMs: number;
  readonly cause: FallCause;
  /** Milliseconds since 1970 UTC, to the second. */
  readonly createdAtMs: number;
}

/** @param revisionBytesGuess what a revision takes when the hub has not seen one */
export function viewOf(
  hub: WatchHub,
  { watcher, position, cursor, lag }: Sighting,
  revisionBytesGuess: number,
): WatcherView {
  const { clock, head, commitTimes, log } = hub;
  const isLevel = lag === 0;
  return {
    streamNumber: watcher.stream.number,
    watchId: watcher.id,
    client: watcher.stream.client,
    range: watcher.watchClass.range,
    options: optionsOf(watcher),
    position,
    nextRevision: cursor,
    lagRevisions: lag,
    lagBytes: isLevel ? LEVEL : lagBytes(log, cursor, revisionBytesGuess),
    lagMs: isLevel ? 0 : lagMs(commitTimes, cursor, { head, nowMs: clock.monotonicMs() }),
    cause: watcher.cause,
    createdAtMs: Math.round(clock.wallMs()) - (hub.ageSeconds - watcher.createdSecond) * 1000,
  };
}

const LEVEL: LagBytes = { bytes: 0, isEstimate: false };

function optionsOf({ watchClass, progressNotify, fragment }: Watcher): string[] {
  const options = classOptions(watchClass.wishes);
  if (progressNotify) options.push("progress_notify");
  if (fragment) options.push("fragment");
  return options;
}

/** Options that all watchers of a class share. */
export function classOptions({ noPut, noDelete, prevKv, extras }: Wishes): string[] {
  const options: string[] = [];
  if (noPut) options.push("no_put");
  if (noDelete) options.push("no_delete");
  if (prevKv) options.push("prev_kv");
  if (extras?.keysOnly === true) options.push("keys_only");
  if (extras?.latestOnly === true) options.push("latest_only");
  if (extras?.deleteReason === true) options.push("delete_reason");
  return options;
}
