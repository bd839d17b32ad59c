import { assert } from "../base/assert.ts";
import { nextRevision, type Revision } from "../base/revision.ts";
import { leaveSeat, seatsTaken, takeSeat, watcherAt } from "./audience.ts";
import type { Distributor } from "./distributor.ts";
import { EventBlock } from "./event-block.ts";
import type { EventLog } from "./event-log.ts";
import type { History } from "./history.ts";
import type { HistoryCache } from "./history-cache.ts";
import type { AudienceKind, WatchClass } from "./watch-class.ts";
import type { HubEvent } from "./transitions.ts";
import { WaitingWatchers } from "./waiting-watchers.ts";
import { type Position, SYNCED, type Watcher } from "./watcher.ts";

/**
 * Bytes of events that one step should send, over all watchers: about a quarter of a millisecond of
 * work, between which writers and synced watchers have their turn.
 */
const SENT_BYTES_PER_STEP = 512 * 1024;
/**
 * Bytes of events in one stretch, but for a single larger revision: a response that fits one DATA
 * frame costs both sides the least, and on one stream others are not kept waiting.
 */
const STRETCH_BYTES_MAX = 124 * 1024;
/** By how much the expected share of a stretch may fall from one step to the next. */
const SHARE_FALL = 0.5;

/** What a sweep needs of the hub around it. */
export interface SweepHost {
  readonly head: Revision;
  readonly compacted: number;
  readonly log: EventLog;
  readonly history: History;
  readonly historyCache: HistoryCache;
  readonly distributor: Distributor;
  move(watcher: Watcher, to: Position, event: HubEvent): void;
  /**
   * Puts a watcher that is behind the head where it is served from: memory, store, or cancelled.
   */
  sendBehind(watcher: Watcher, from: Revision, event: HubEvent): void;
}

/** How it stands with those who are behind. */
export interface Backlog {
  /** All of them, those included whose streams take no more for now. */
  readonly watchers: number;
  /** The lowest revision that is needed by one who could be sent it; Infinity = nobody could. */
  readonly lowest: number;
  /** Revisions that were covered so far, each as often as it was for somebody. */
  readonly covered: number;
}

/** One stretch of history, ready to be distributed. */
interface Reading {
  readonly block: EventBlock;
  readonly from: number;
  readonly to: number;
  /** The first revision that the stretch does not cover. */
  readonly end: Revision;
}

/**
 * Takes unsynced watchers up to the head like a lift: it moves up through history, each revision is
 * read once for all who are on it, whoever waits further up boards when it comes by, and whose
 * stream refuses events stays behind as a victim. Whoever waits below is fetched by the next run,
 * which starts at the lowest of them. The memory sweep reads the event log; the store sweep reads
 * history below it and hands its riders over where the log begins, so that one ancient watcher does
 * not hold up those that missed little.
 */
export class Sweep {
  readonly kind: Exclude<AudienceKind, "synced">;
  readonly #host: SweepHost;
  readonly #eventsPerStep: number;
  /** The part that was sent, at least, of the last stretch times its riders. */
  #sentShare = 1;
  #at: Revision;
  #riders = 0;
  #covered = 0;
  /** Whether the run has reached its end, and nothing has boarded since. */
  #isRunOver = false;
  readonly #classes = new Set<WatchClass>();
  /** Those who wait at or above `#at`, and those below it, by their next revision. */
  #ahead = new WaitingWatchers();
  #below = new WaitingWatchers();
  readonly #noEvents = new EventBlock(0);

  constructor(kind: Exclude<AudienceKind, "synced">, host: SweepHost, eventsPerStep: number) {
    this.kind = kind;
    this.#host = host;
    this.#eventsPerStep = eventsPerStep;
    this.#at = host.head;
  }

  /** Riders have been sent all that concerns them below this revision. */
  get at(): Revision {
    return this.#at;
  }

  get backlog(): Omit<Backlog, "watchers"> {
    const riding = this.#riders > 0 ? this.#at : Infinity;
    return {
      lowest: Math.min(riding, this.#ahead.least, this.#below.least),
      covered: this.#covered,
    };
  }

  /** Whether somebody rides or may wait. */
  get busy(): boolean {
    return this.#riders > 0 || this.#ahead.size > 0 || this.#below.size > 0;
  }

  /** Lets a watcher, whose position says so already, wait for this sweep. */
  wait(watcher: Watcher, from: Revision): void {
    const waiting = from >= this.#at ? this.#ahead : this.#below;
    waiting.add(watcher, from);
  }

  /** Called by the hub when a watcher gets the position "riding", and when it loses it. */
  boarded(watcher: Watcher): void {
    takeSeat(watcher.watchClass.audience(this.kind), watcher);
    this.#classes.add(watcher.watchClass);
    this.#riders++;
  }

  left(watcher: Watcher): void {
    leaveSeat(watcher.watchClass.audience(this.kind), watcher);
    if (!watcher.watchClass.listens(this.kind)) this.#classes.delete(watcher.watchClass);
    this.#riders--;
  }

  /** One bounded stretch of work. */
  step(): void {
    if (!this.#findStart()) return;
    const host = this.#host;
    if (this.#riders > 0 && !this.#canServe()) {
      this.#everybodyLeaves();
      return;
    }
    // A compaction that is about to become durable: then the riders will be cancelled.
    if (this.kind === "store" && this.#at < host.history.compacted) return;
    const reading = this.kind === "memory" ? this.#readLog() : this.#readStore();
    const { distributor } = host;
    const riders = this.#riders;
    const sentBefore = distributor.eventBytesSent;
    distributor.distribute({
      block: reading.block,
      from: reading.from,
      to: reading.to,
      audience: this.kind,
      through: (reading.end - 1) as Revision,
    });
    this.#learn(reading, riders, distributor.eventBytesSent - sentBefore);
    this.#covered += (reading.end - this.#at) * this.#riders;
    this.#at = reading.end;
    if (reading.end > host.head) this.#everybodyIsLevel();
    else if (!this.#canServe()) this.#everybodyLeaves();
  }

  /** Moves to where the next rider is when there are none; false when nobody waits at all. */
  #findStart(): boolean {
    if (this.#riders > 0) return true;
    if (this.#ahead.least === Infinity || this.#isRunOver) this.#startOver();
    if (this.#ahead.least === Infinity) return false;
    this.#at = this.#ahead.least as Revision;
    while (this.#ahead.least === this.#at) this.#takeNext();
    return this.#riders > 0;
  }

  /**
   * A run ends at the head or where the other sweep serves, or when nobody waits above. Whoever
   * came meanwhile with a lower revision is in the next run, so that new victims near the head
   * cannot keep the others waiting for ever. That the end was reached is remembered: the head may
   * have moved on before the next step, with somebody waiting there already.
   */
  #startOver(): void {
    this.#isRunOver = false;
    const [fewer, more] =
      this.#ahead.size < this.#below.size ? [this.#ahead, this.#below] : [this.#below, this.#ahead];
    more.takeAll(fewer);
    this.#ahead = more;
    this.#below = fewer;
  }

  /** Whether this sweep is the one that serves from `#at` on. */
  #canServe(): boolean {
    const { compacted, log } = this.#host;
    if (this.#at < compacted) return false;
    const isHeld = this.#at >= log.completeFrom;
    return this.kind === "memory" ? isHeld : !isHeld;
  }

  #readLog(): Reading {
    const { log, head } = this.#host;
    const blockNumber = log.blockOf(this.#at);
    const block = log.blocks[blockNumber] ?? this.#noEvents;
    const next = log.blocks[blockNumber + 1];
    return this.#board(block, next?.firstRevision ?? nextRevision(head));
  }

  #readStore(): Reading {
    const { historyCache, head, log } = this.#host;
    const limit = Math.min(log.completeFrom, nextRevision(head)) as Revision;
    const { block, end } = historyCache.read(this.#at, limit);
    return this.#board(block, end);
  }

  /**
   * Takes as much of the block from `#at` on as one step may, and all who wait in it on board: each
   * of them makes it shorter, though never so short that it ends where somebody has boarded.
   */
  #board(block: EventBlock, blockEnd: Revision): Reading {
    const from = block.indexOf(this.#at);
    let to = this.#cut(block, from, from + this.#eventsPerStep);
    let end = to < block.count ? block.revision(to) : blockEnd;
    while (this.#ahead.least < end) {
      const boarded = this.#takeNext();
      to = this.#cut(block, from, to);
      if (to < block.count) end = block.revision(to);
      if (end > boarded) continue;
      end = nextRevision(boarded);
      to = block.indexOf(end);
    }
    return { block, from, to, end };
  }

  /** Whoever is the first to wait ahead boards; returns the revision where. */
  #takeNext(): Revision {
    const { watcher, from } = this.#ahead.take();
    this.#host.move(watcher, { kind: "riding", sweep: this, boarded: from }, "boarded");
    return from;
  }

  /**
   * Where a stretch ends that begins with event `from`, before event `limit` but for the rest of a
   * revision: so that what is sent comes near the budget, if riders want as much of it as of the
   * last one.
   */
  #cut(block: EventBlock, from: number, limit: number): number {
    const budget = SENT_BYTES_PER_STEP / (this.#riders * this.#sentShare);
    const bytesEnd = block.start(from) + Math.min(STRETCH_BYTES_MAX, budget);
    let low = Math.min(from + 1, block.count);
    let high = Math.min(limit, block.count);
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (block.start(middle) <= bytesEnd) low = middle;
      else high = middle - 1;
    }
    while (low < block.count && low > 0 && block.revision(low) === block.revision(low - 1)) low++;
    return low;
  }

  #learn({ block, from, to }: Reading, riders: number, bytesSent: number): void {
    if (from === to) return;
    const share = bytesSent / ((block.start(to) - block.start(from)) * riders);
    this.#sentShare = Math.min(1, Math.max(share, this.#sentShare * SHARE_FALL));
  }

  #everybodyIsLevel(): void {
    this.#isRunOver = true;
    this.#forEachRider((watcher) => this.#host.move(watcher, SYNCED, "level"));
  }

  /** The sweep cannot go on from here: its riders are sent to where they are served. */
  #everybodyLeaves(): void {
    this.#isRunOver = true;
    const at = this.#at;
    this.#forEachRider((watcher) => {
      const { position } = watcher;
      assert(position.kind === "riding" && position.boarded <= at, "a rider boarded below");
      this.#host.sendBehind(watcher, at, "handed-over");
    });
  }

  /** `visit` takes the watcher off the sweep. */
  #forEachRider(visit: (watcher: Watcher) => void): void {
    for (const watchClass of [...this.#classes]) {
      const audience = watchClass.audience(this.kind);
      for (let seat = seatsTaken(audience) - 1; seat >= 0; seat--) visit(watcherAt(audience, seat));
    }
    assert(this.#riders === 0, "nobody is left on the sweep");
  }
}

/** Of both sweeps together. */
export function backlogOf(
  { backlog: memory }: Sweep,
  { backlog: store }: Sweep,
  watchers: number,
): Backlog {
  return {
    watchers,
    lowest: Math.min(memory.lowest, store.lowest),
    covered: memory.covered + store.covered,
  };
}
