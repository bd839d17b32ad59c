import type { Revision } from "../base/revision.ts";
import type { Listing, ListingCursor } from "./lister.ts";
import type { WatchId } from "./response-head.ts";
import type { Sweep } from "./sweep.ts";
import type { WatchClass } from "./watch-class.ts";
import type { WatchStream } from "./watch-stream.ts";

/**
 * Where a watcher stands: the only place that says what it has been sent. `WatchHub.move` is the
 * only code that changes it.
 *
 *     create ──> synced <────────── riding <── unsynced <── create (start <= head)
 *        │          │ refused          │ refused   ^  ^
 *        │          v                  v           │  │ head reached the start
 *        │        victim <─────────────┘   drained │  │
 *        │          └──────────────────────────────┘  │
 *        └──> future ─────────────────────────────────┘        any ──> cancelled
 *
 *     create ──> listing ──> synced or unsynced     listing <── refused, drained ──> victim
 */
export type Position =
  /** Has been sent all there is: its cursor is the hub's head. */
  | { readonly kind: "synced" }
  /** Started above the head: wants nothing below `nextRevision` (W13). */
  | { readonly kind: "future"; readonly nextRevision: Revision }
  /** Behind the head: waits until a sweep through history comes by. */
  | { readonly kind: "unsynced"; readonly nextRevision: Revision }
  /** Behind the head and on a sweep since revision `boarded`: its cursor is the sweep's. */
  | { readonly kind: "riding"; readonly sweep: Sweep; readonly boarded: Revision }
  /** Is sent the keys as they are at one revision, before it is sent changes. */
  | { readonly kind: "listing"; readonly listing: Listing }
  /** Its stream took no more: a parked cursor, no copy of events is held for it. */
  | {
      readonly kind: "victim";
      /** The first change not sent. */
      readonly nextRevision: Revision;
      /** Where it was listing; absent for whoever had the state, or did not ask for it. */
      readonly listing?: ListingCursor;
    }
  | { readonly kind: "cancelled"; readonly reason: "client" | "compacted" | "operator" };

/** Where a watcher that is alive can stand. */
export type PositionKind = Exclude<Position["kind"], "cancelled">;

/** All of them, in the order in which they are shown. */
export const POSITION_KINDS: readonly PositionKind[] = [
  "synced",
  "future",
  "unsynced",
  "riding",
  "listing",
  "victim",
];

const FALL_CAUSES = [
  /** It never did. */
  "none",
  /** Its start revision was below the head when it was created. */
  "started-in-past",
  /** It asked for the state first. */
  "state-first",
  /** The head reached the start that it waited for. */
  "start-reached",
  /** Its stream took no more: the client does not read fast enough. */
  "stream-full",
  /** What it had not been sent left the event log in memory. */
  "log-exceeded",
] as const;

/** Why a watcher last fell behind the head. */
export type FallCause = (typeof FALL_CAUSES)[number];

/** The synced position is the same for all: a watcher that keeps up costs no object for it. */
export const SYNCED: Position = { kind: "synced" };

/** `Watcher.waitsSince` of one whose stream has not refused it since it was last sent something. */
export const NOT_WAITING = -1;

/** One watch that a client asked for. */
export class Watcher {
  readonly stream: WatchStream;
  readonly id: WatchId;
  readonly watchClass: WatchClass;
  position: Position;
  /** Its place in the audience where it sits while synced or riding. */
  seat = -1;
  /** The turn of its stream in which it was first refused since it was last sent something. */
  waitsSince: number = NOT_WAITING;
  /** Whole seconds from the hub's opening to this watcher's creation: a small integer is cheap. */
  readonly createdSecond: number;
  /** Bits of `WatcherFlag`, in one place since there are many watchers. */
  #flags: number;

  constructor(
    stream: WatchStream,
    watchClass: WatchClass,
    options: {
      id: WatchId;
      fragment: boolean;
      progressNotify: boolean;
      position: Position;
      createdSecond: number;
    },
  ) {
    this.stream = stream;
    this.watchClass = watchClass;
    this.id = options.id;
    this.#flags =
      (options.fragment ? WatcherFlag.fragment : 0) |
      (options.progressNotify ? WatcherFlag.progressNotify : 0);
    this.position = options.position;
    this.createdSecond = options.createdSecond;
  }
  get fragment(): boolean {
    return (this.#flags & WatcherFlag.fragment) !== 0;
  }

  get progressNotify(): boolean {
    return (this.#flags & WatcherFlag.progressNotify) !== 0;
  }

  /** Why it last fell behind, for people. */
  get cause(): FallCause {
    return FALL_CAUSES[this.#flags >>> CAUSE_SHIFT] as FallCause;
  }

  set cause(cause: FallCause) {
    const flags = this.#flags & ((1 << CAUSE_SHIFT) - 1);
    this.#flags = flags | (FALL_CAUSES.indexOf(cause) << CAUSE_SHIFT);
  }

  /** Whether events were sent since the stream's last progress tick (W44). */
  get sentSinceTick(): boolean {
    return (this.#flags & WatcherFlag.sentSinceTick) !== 0;
  }

  set sentSinceTick(isSo: boolean) {
    if (isSo) this.#flags |= WatcherFlag.sentSinceTick;
    else this.#flags &= ~WatcherFlag.sentSinceTick;
  }

  /** Notes that its stream took events: one visit to the flags for all that this means. */
  sent(): void {
    this.#flags = (this.#flags | WatcherFlag.sentSinceTick) & ~WatcherFlag.skipped;
    this.waitsSince = NOT_WAITING;
  }

  /** Whether outdated changes were left out since its last response. */
  get skipped(): boolean {
    return (this.#flags & WatcherFlag.skipped) !== 0;
  }

  set skipped(isSo: boolean) {
    if (isSo) this.#flags |= WatcherFlag.skipped;
    else this.#flags &= ~WatcherFlag.skipped;
  }
}

const WatcherFlag = { fragment: 1, progressNotify: 2, sentSinceTick: 4, skipped: 8 } as const;
/** Above the flags stands the number of the cause. */
const CAUSE_SHIFT = 4;
