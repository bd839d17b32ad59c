import { assert } from "../base/assert.ts";
import type { Position, PositionKind } from "./watcher.ts";

/** What can happen to a watcher that changes where it stands. */
export type HubEvent =
  /** Created with a start at or below the head, with one above it, or for the state first. */
  | "created-behind"
  | "created-ahead"
  | "created-for-state"
  /** The head has reached the start that it waited for. */
  | "start-reached"
  /** A group was committed that is larger than the whole event log. */
  | "log-exceeded"
  /** The sweep that it waited for has come by. */
  | "boarded"
  /** Its sweep has reached the head. */
  | "level"
  /** Its sweep does not serve from there on: the other one does. */
  | "handed-over"
  /** Its stream took no more. */
  | "refused"
  /** Its stream has room again, and it was parked with a change, or with a key, to go on from. */
  | "drained"
  | "drained-listing"
  /** All the state is sent, and nothing was committed meanwhile, or something was. */
  | "state-complete"
  | "state-outrun"
  /** History that it still needs is compacted. */
  | "compacted"
  | "client-cancel"
  | "operator-cancel"
  | "stream-closed";

/** Events by which a watcher that is not refused falls behind the head. */
export type FallEvent = Extract<HubEvent, "created-behind" | "start-reached" | "log-exceeded">;

/** Where a watcher stands afterwards; "-" = this does not happen to those who stand there. */
export type Next = Position["kind"] | "-";

/**
 * The whole life of a watcher, cell by cell; docs/internals/watch.md shows and explains the same
 * table. A new watcher is synced before anything else. From "cancelled" nothing leads on.
 */
export const TRANSITIONS: Readonly<Record<PositionKind, Readonly<Record<HubEvent, Next>>>> = {
  synced: {
    "created-behind": "unsynced",
    "created-ahead": "future",
    "created-for-state": "listing",
    "start-reached": "-",
    "log-exceeded": "unsynced",
    boarded: "-",
    level: "-",
    "handed-over": "-",
    refused: "victim",
    drained: "-",
    "drained-listing": "-",
    "state-complete": "-",
    "state-outrun": "-",
    compacted: "cancelled",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
  future: {
    "created-behind": "-",
    "created-ahead": "-",
    "created-for-state": "-",
    "start-reached": "unsynced",
    "log-exceeded": "-",
    boarded: "-",
    level: "-",
    "handed-over": "-",
    refused: "-",
    drained: "-",
    "drained-listing": "-",
    "state-complete": "-",
    "state-outrun": "-",
    compacted: "-",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
  unsynced: {
    "created-behind": "-",
    "created-ahead": "-",
    "created-for-state": "-",
    "start-reached": "-",
    "log-exceeded": "-",
    boarded: "riding",
    level: "-",
    "handed-over": "-",
    refused: "-",
    drained: "-",
    "drained-listing": "-",
    "state-complete": "-",
    "state-outrun": "-",
    compacted: "-",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
  riding: {
    "created-behind": "-",
    "created-ahead": "-",
    "created-for-state": "-",
    "start-reached": "-",
    "log-exceeded": "-",
    boarded: "-",
    level: "synced",
    "handed-over": "unsynced",
    refused: "victim",
    drained: "-",
    "drained-listing": "-",
    "state-complete": "-",
    "state-outrun": "-",
    compacted: "cancelled",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
  listing: {
    "created-behind": "-",
    "created-ahead": "-",
    "created-for-state": "-",
    "start-reached": "-",
    "log-exceeded": "-",
    boarded: "-",
    level: "-",
    "handed-over": "-",
    refused: "victim",
    drained: "-",
    "drained-listing": "-",
    "state-complete": "synced",
    "state-outrun": "unsynced",
    compacted: "cancelled",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
  victim: {
    "created-behind": "-",
    "created-ahead": "-",
    "created-for-state": "-",
    "start-reached": "-",
    "log-exceeded": "-",
    boarded: "-",
    level: "-",
    "handed-over": "-",
    refused: "-",
    drained: "unsynced",
    "drained-listing": "listing",
    "state-complete": "-",
    "state-outrun": "-",
    compacted: "cancelled",
    "client-cancel": "cancelled",
    "operator-cancel": "cancelled",
    "stream-closed": "cancelled",
  },
};

/** Asserts that the event leads from one position to the other. */
export function checkTransition(from: Position, event: HubEvent, to: Position): void {
  assert(from.kind !== "cancelled", "a cancelled watcher moves no more");
  assert(TRANSITIONS[from.kind][event] === to.kind, "the event leads to this position");
}
