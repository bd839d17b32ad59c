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
  /** The part that was sent, at least, of the last stretch times all who were here. */
  #sentShare = 1;
  #at: Revision;
  #riders = 0;
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

  /** One bounded stretch of work; returns how many revisions it went through. */
  step(): number {
    if (!this.#findStart()) return 0;
    const host = this.#host;
    if (this.#riders > 0 && !this.#canServe()) {
      this.#everybodyLeaves();
      return 0;
    }
    // A compaction that is about to become durable: then the riders will be cancelled.
    if (this.kind === "store" && this.#at < host.history.compacted) return 0;
    const everybody = this.#riders + this.#ahead.size;
    const reading = this.kind === "memory" ? this.#readLog() : this.#readStore();
    this.#board(reading.end);
    const { distributor } = host;
    const sentBefore = distributor.eventBytesSent;
    distributor.distribute({
      block: reading.block,
      from: reading.from,
      to: reading.to,
      audience: this.kind,
      through: (reading.end - 1) as Revision,
    });
    this.#learn(reading, everybody, distributor.eventBytesSent - sentBefore);
    const gone = reading.end - this.#at;
    this.#at = reading.end;
    if (reading.end > host.head) this.#everybodyIsLevel();
    else if (!this.#canServe()) this.#everybodyLeaves();
    return gone;
  }

  /** Moves to where the next rider is when there are none; false when nobody waits at all. */
  #findStart(): boolean {
    if (this.#riders > 0) return true;
    if (this.#ahead.least === Infinity || this.#isRunOver) this.#startOver();
    if (this.#ahead.least === Infinity) return false;
    this.#at = this.#ahead.least as Revision;
    this.#board(nextRevision(this.#at));
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

  /** Everyone who waits below `end` boards, which is at or above `#at`. */
  #board(end: Revision): void {
    while (this.#ahead.least < end) {
      const { watcher, from } = this.#ahead.take();
      this.#host.move(watcher, { kind: "riding", sweep: this, boarded: from }, "boarded");
    }
  }

  #readLog(): Reading {
    const { log, head } = this.#host;
    const blockNumber = log.blockOf(this.#at);
    const block = log.blocks[blockNumber];
    if (block === undefined)
      return { block: this.#noEvents, from: 0, to: 0, end: nextRevision(head) };
    const next = log.blocks[blockNumber + 1];
    return this.#cut(block, next?.firstRevision ?? nextRevision(head));
  }

  #readStore(): Reading {
    const { historyCache, head, log } = this.#host;
    const limit = Math.min(log.completeFrom, nextRevision(head)) as Revision;
    const { block, end } = historyCache.read(this.#at, limit);
    return this.#cut(block, end);
  }

  /**
   * As many of the block's events from `#at` on as one step may take, revisions whole: so many that
   * what is sent comes near its budget, if the same part of all who are here wants them as before.
   */
  #cut(block: EventBlock, blockEnd: Revision): Reading {
    const from = block.indexOf(this.#at);
    const countEnd = Math.min(block.count, from + this.#eventsPerStep);
    const receivers = (this.#riders + this.#ahead.size) * this.#sentShare;
    const bytesEnd =
      block.start(from) + Math.min(STRETCH_BYTES_MAX, SENT_BYTES_PER_STEP / receivers);
    let to = Math.min(countEnd, from + 1);
    while (to < countEnd && block.start(to + 1) <= bytesEnd) to++;
    while (to < block.count && to > 0 && block.revision(to) === block.revision(to - 1)) to++;
    return { block, from, to, end: to < block.count ? block.revision(to) : blockEnd };
  }

  #learn({ block, from, to }: Reading, everybody: number, bytesSent: number): void {
    if (from === to) return;
    const share = bytesSent / ((block.start(to) - block.start(from)) * everybody);
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
