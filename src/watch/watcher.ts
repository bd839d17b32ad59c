import type { Revision } from "../base/revision.ts";
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
  /** Its stream took no more: a parked cursor, no copy of events is held for it. */
  | { readonly kind: "victim"; readonly nextRevision: Revision }
  | { readonly kind: "cancelled"; readonly reason: "client" | "compacted" };

/** The synced position is the same for all: a watcher that keeps up costs no object for it. */
export const SYNCED: Position = { kind: "synced" };

/** One watch that a client asked for. */
export class Watcher {
  readonly stream: WatchStream;
  readonly id: WatchId;
  readonly watchClass: WatchClass;
  readonly fragment: boolean;
  readonly progressNotify: boolean;
  position: Position;
  /** Its place in the audience where it sits while synced or riding. */
  seat = -1;
  /** Whether events were sent since the stream's last progress tick (W44). */
  sentSinceTick = false;

  constructor(
    stream: WatchStream,
    watchClass: WatchClass,
    options: { id: WatchId; fragment: boolean; progressNotify: boolean; position: Position },
  ) {
    this.stream = stream;
    this.watchClass = watchClass;
    this.id = options.id;
    this.fragment = options.fragment;
    this.progressNotify = options.progressNotify;
    this.position = options.position;
  }
}
