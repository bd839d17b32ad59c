import { assert, unreachable } from "../base/assert.ts";
import { EMPTY_BYTES } from "../base/bytes.ts";
import type { DeliveryTimes } from "../base/delivery-times.ts";
import type { Clock } from "../base/outside.ts";
import type { HeaderFields } from "../base/response-header.ts";
import { nextRevision, toRevision, type Revision } from "../base/revision.ts";
import { type Audience, leaveSeat, takeSeat, watcherAt } from "./audience.ts";
import { ClassIndex } from "./class-index.ts";
import { CommitTimes } from "./commit-times.ts";
import { Distributor } from "./distributor.ts";
import { EventBlock } from "./event-block.ts";
import { EventLog, type RevisionEvents } from "./event-log.ts";
import type { EventSink } from "./event-sink.ts";
import type { History } from "./history.ts";
import { HistoryCache } from "./history-cache.ts";
import type { Interest } from "./interest.ts";
import { Lister, type ListerHost } from "./lister.ts";
import { noPositions, type PositionCounts, slowWatchers } from "./position-counts.ts";
import {
  type ControlFields,
  controlResponse,
  ResponseHead,
  type WatchId,
} from "./response-head.ts";
import { type Backlog, backlogOf, Sweep, type SweepHost } from "./sweep.ts";
import { checkTransition, type FallEvent, type HubEvent } from "./transitions.ts";
import { WaitingWatchers } from "./waiting-watchers.ts";
import type { WatchClass } from "./watch-class.ts";
import { type StreamClient, WatchStream } from "./watch-stream.ts";
import {
  type Position,
  POSITION_KINDS,
  type PositionKind,
  SYNCED,
  type Watcher,
} from "./watcher.ts";

export interface WatchLimits {
  readonly watchersPerStream: number;
  readonly watchersTotal: number;
}

export interface WatchHubOptions {
  readonly identity: HeaderFields;
  /** The newest durable revision, and the compacted one (-1 = none). */
  readonly head: Revision;
  readonly compacted: number;
  readonly history: History;
  readonly limits: WatchLimits;
  readonly eventLogBytes: number;
  /** Responses are cut between revisions at this many bytes of events (D9). */
  readonly responseBytesMax: number;
  /** Fragments stay below this many bytes (W60). */
  readonly fragmentBytes: number;
  /** Events that one step of a sweep reads. */
  readonly eventsPerStep: number;
  /** Called when `step` has work to do; at least once for each time it becomes so. */
  readonly wake: () => void;
  readonly clock: Clock;
  /** Told when events of a group that has just become durable are being offered. */
  readonly deliveryTimes?: DeliveryTimes;
}

/** Memory for stretches of history below the event log that were read last. */
const HISTORY_CACHE_BYTES_MAX = 16 * 1024 * 1024;
/** Bytes of events that are read from the store at once, but for a single larger revision. */
const HISTORY_STRETCH_BYTES = 1024 * 1024;

/** Numbers for people: gauges of now, and counters since start (W79). */
export interface WatchStats {
  readonly streams: number;
  readonly watchers: number;
  /** Unsynced and victims. */
  readonly slowWatchers: number;
  readonly positions: PositionCounts;
  readonly classes: number;
  readonly eventsSent: number;
  readonly eventLogBytes: number;
  /** Bytes of events encoded since start, each time they were. */
  readonly bytesEncoded: number;
  /** Bytes of events that streams took since start. */
  readonly bytesSent: number;
  /** How often since start a watcher's stream took no more. */
  readonly victimsMade: number;
  readonly compactionCancels: number;
  readonly operatorCancels: number;
}

const NOBODY: StreamClient = { peer: "", user: "" };

/**
 * All watchers of the store. It is told of each group of durable changes, and takes them to those
 * who are level; a sweep takes the others through history. It never waits for a client: a stream
 * that takes no more costs a cursor.
 */
export class WatchHub implements SweepHost, ListerHost {
  readonly log: EventLog;
  readonly history: History;
  readonly historyCache: HistoryCache;
  readonly distributor: Distributor;
  readonly limits: WatchLimits;
  readonly clock: Clock;
  readonly commitTimes: CommitTimes;
  readonly #index = new ClassIndex();
  readonly #head: ResponseHead;
  readonly #memory: Sweep;
  readonly #store: Sweep;
  readonly #lister: Lister;
  readonly #streams = new Map<number, WatchStream>();
  /** Watchers that wait for the head to reach their start, by that revision (W13). */
  readonly #future = new WaitingWatchers();
  readonly #wake: () => void;
  readonly #deliveryTimes: DeliveryTimes | undefined;
  readonly #openedAtMs: number;
  #headRevision: Revision;
  #compacted: number;
  #watcherCount = 0;
  readonly #positions: Record<PositionKind, number> = noPositions();
  #streamsOpened = 0;
  #victimsMade = 0;
  #compactionCancels = 0;
  #operatorCancels = 0;
  #previousWanted = 0;

  constructor(options: WatchHubOptions) {
    this.limits = options.limits;
    this.history = options.history;
    this.historyCache = new HistoryCache({
      history: options.history,
      bytesMax: HISTORY_CACHE_BYTES_MAX,
      eventsPerStretch: options.eventsPerStep,
      bytesPerStretch: HISTORY_STRETCH_BYTES,
    });
    this.#headRevision = options.head;
    this.#compacted = options.compacted;
    this.#wake = options.wake;
    this.clock = options.clock;
    this.#deliveryTimes = options.deliveryTimes;
    this.#openedAtMs = options.clock.monotonicMs();
    this.commitTimes = new CommitTimes(this.#openedAtMs);
    this.#head = new ResponseHead(options.identity);
    this.log = new EventLog({
      bytesMax: options.eventLogBytes,
      completeFrom: nextRevision(options.head),
    });
    this.distributor = new Distributor({
      head: this.#head,
      index: this.#index,
      history: options.history,
      newestRevision: (key) => options.history.newestRevision(key, this.#headRevision),
      responseBytesMax: options.responseBytesMax,
      fragmentBytes: options.fragmentBytes,
      refused: (watcher, next) => this.#park(watcher, next),
    });
    this.#memory = new Sweep("memory", this, options.eventsPerStep);
    this.#store = new Sweep("store", this, options.eventsPerStep);
    this.#lister = new Lister(this, {
      // Keys lie anywhere in the log, and events one behind the other: a key costs several times
      // as much to read.
      keysPerStep: Math.ceil(options.eventsPerStep / 8),
      responseBytesMax: options.responseBytesMax,
    });
  }

  /** The newest revision that watchers may see. */
  get head(): Revision {
    return this.#headRevision;
  }

  get compacted(): number {
    return this.#compacted;
  }

  get watcherCount(): number {
    return this.#watcherCount;
  }

  /** Whether any watcher wants previous values: if not, changes need not carry them (D13). */
  get wantsPrevious(): boolean {
    return this.#previousWanted > 0;
  }

  get stats(): WatchStats {
    return {
      streams: this.#streams.size,
      watchers: this.#watcherCount,
      slowWatchers: slowWatchers(this.#positions),
      positions: { ...this.#positions },
      classes: this.#index.size,
      eventsSent: this.distributor.eventsSent,
      eventLogBytes: this.log.bytes,
      bytesEncoded:
        this.log.appendedBytes + this.historyCache.bytesRead + this.distributor.bytesEncoded,
      bytesSent: this.distributor.eventBytesSent,
      victimsMade: this.#victimsMade,
      compactionCancels: this.#compactionCancels,
      operatorCancels: this.#operatorCancels,
    };
  }

  /** Whole seconds since the hub was opened. */
  get ageSeconds(): number {
    return Math.floor((this.clock.monotonicMs() - this.#openedAtMs) / 1000);
  }

  /** All classes that have members, in no particular order. */
  get classes(): IterableIterator<WatchClass> {
    return this.#index.classes();
  }

  /** Open streams in the order of their numbers; may be walked while streams come and go. */
  get streams(): IterableIterator<WatchStream> {
    return this.#streams.values();
  }

  streamOf(number: number): WatchStream | undefined {
    return this.#streams.get(number);
  }

  open(sink: EventSink, client: StreamClient = NOBODY): WatchStream {
    const number = ++this.#streamsOpened;
    const stream = new WatchStream(this, sink, { number, client });
    this.#streams.set(number, stream);
    return stream;
  }

  /**
   * Takes a group of durable changes, revision by revision, to all who are level with the head.
   * Afterwards the head is the last of these revisions.
   */
  commit(revisions: readonly RevisionEvents[]): void {
    if (revisions.length === 0) return;
    const first = nextRevision(this.#headRevision);
    for (const events of revisions) {
      const revision = events instanceof EventBlock ? events.firstRevision : events[0]?.revision;
      assert(revision === nextRevision(this.#headRevision), "no revision is left out");
      this.log.append(events);
      this.#headRevision = nextRevision(this.#headRevision);
    }
    const nowMs = this.clock.monotonicMs();
    this.commitTimes.note(first, nowMs);
    this.#startFuture();
    if (this.#deliveryTimes !== undefined) this.#deliveryTimes.freshSinceMs = nowMs;
    // A group that is larger than the whole log: those who were level have to read the store.
    if (this.log.completeFrom > first) this.#leaveHead(first);
    else this.#deliver(first);
    if (this.#deliveryTimes !== undefined) this.#deliveryTimes.freshSinceMs = 0;
  }

  /** History below `revision` is gone; whoever still needs it is cancelled on its next move. */
  compact(revision: Revision): void {
    assert(revision > this.#compacted, "compaction moves forward");
    this.#compacted = revision;
  }

  get busy(): boolean {
    return this.#memory.busy || this.#store.busy || this.#lister.busy;
  }

  /** One bounded piece of catching up; call it again while `busy`, between other work. */
  step(): Backlog {
    for (const work of [this.#memory, this.#store, this.#lister]) work.step();
    return backlogOf(this.#memory, this.#store, slowWatchers(this.#positions));
  }

  classFor(interest: Interest): WatchClass {
    return this.#index.ensure(interest);
  }

  /** The first position of a new watcher that is sent the state before what follows. */
  startWithState(watcher: Watcher): void {
    this.start(watcher, 0);
    watcher.cause = "state-first";
    this.move(watcher, this.#lister.begin(watcher.watchClass), "created-for-state");
    this.#wake();
  }

  /** The first position of a new watcher (W11-W13). */
  start(watcher: Watcher, startRevision: number): void {
    const next = nextRevision(this.#headRevision);
    watcher.watchClass.members++;
    this.#watcherCount++;
    if (watcher.watchClass.wishes.prevKv) this.#previousWanted++;
    this.#enter(watcher, SYNCED);
    if (startRevision === 0 || startRevision === next) return;
    const from = toRevision(startRevision);
    if (from < next) this.#fall(watcher, from, "created-behind");
    else {
      this.move(watcher, { kind: "future", nextRevision: from }, "created-ahead");
      this.#future.add(watcher, from);
    }
  }

  /** The stream drained: its victims read on. */
  resume(stream: WatchStream): void {
    for (const watcher of [...stream.victims]) {
      const { position } = watcher;
      assert(position.kind === "victim", "the victims of a stream are victims");
      const { listing, nextRevision: from } = position;
      if (listing === undefined) this.sendBehind(watcher, from, "drained");
      else {
        this.move(watcher, this.#lister.resume(watcher.watchClass, listing), "drained-listing");
        this.#wake();
      }
    }
  }

  closed(stream: WatchStream): void {
    this.#streams.delete(stream.number);
  }

  /** The only code that changes where a watcher stands. */
  move(watcher: Watcher, to: Position, event: HubEvent): void {
    checkTransition(watcher.position, event, to);
    this.#leave(watcher);
    this.#enter(watcher, to);
  }

  sendBehind(watcher: Watcher, from: Revision, event: HubEvent): void {
    if (from < this.#compacted) {
      watcher.stream.cancelCompacted(watcher, this.#compacted);
      return;
    }
    const { position } = watcher;
    const readsMemory = position.kind === "riding" && position.sweep.kind === "memory";
    if (readsMemory && from < this.log.completeFrom) watcher.cause = "log-exceeded";
    this.move(watcher, { kind: "unsynced", nextRevision: from }, event);
    const sweep = from >= this.log.completeFrom ? this.#memory : this.#store;
    sweep.wait(watcher, from);
    this.#wake();
  }

  /** A control response, borrowed by nobody. */
  control(id: WatchId, revision: number, fields: ControlFields): Uint8Array {
    return controlResponse(this.#head, id, revision, fields);
  }

  offerProgress(watcher: Watcher, revision: Revision): boolean {
    this.#head.begin(revision);
    const idLength = this.#head.withId(watcher.id);
    const length = watcher.skipped ? this.#head.withSkipped(idLength) : idLength;
    const isTaken = watcher.stream.sink.offer(this.#head.bytes, length, EMPTY_BYTES);
    if (isTaken) watcher.skipped = false;
    return isTaken;
  }

  /** Walks everything and asserts that each watcher is where its position says. For tests. */
  checkInvariants(): void {
    let watchers = 0;
    const positions = noPositions();
    for (const stream of this.#streams.values()) {
      for (const watcher of stream.watchers) {
        watchers++;
        const { position, watchClass, seat } = watcher;
        const audience = audienceOf(watchClass, position);
        assert((audience === undefined) === seat < 0, "only who is served with others has a seat");
        assert(
          audience === undefined || watcherAt(audience, seat) === watcher,
          "the seat is the watcher's",
        );
        const isVictim = position.kind === "victim";
        assert(isVictim === stream.victims.has(watcher), "victims are known to their stream");
        assert(position.kind !== "cancelled", "a cancelled watcher is in no stream");
        const isBehind = isVictim && position.nextRevision <= this.#headRevision;
        assert(isBehind || !isVictim || position.listing !== undefined, "a victim is behind");
        positions[position.kind]++;
      }
    }
    assert(watchers === this.#watcherCount, "every watcher is counted once");
    for (const kind of POSITION_KINDS) {
      assert(positions[kind] === this.#positions[kind], "every watcher counts where it stands");
    }
  }

  #deliver(first: Revision): void {
    const { blocks } = this.log;
    for (let i = this.log.blockOf(first); i < blocks.length; i++) {
      const block = blocks[i];
      assert(block !== undefined, "block numbers are below their count");
      const next = blocks[i + 1];
      this.distributor.distribute({
        block,
        from: block.indexOf(first),
        to: block.count,
        audience: "synced",
        through: next === undefined ? this.#headRevision : toRevision(next.firstRevision - 1),
      });
    }
  }

  #leaveHead(first: Revision): void {
    for (const stream of this.#streams.values()) {
      for (const watcher of [...stream.watchers]) {
        if (watcher.position.kind === "synced") this.#fall(watcher, first, "log-exceeded");
      }
    }
  }

  /** The watcher's stream took no more from this revision on. */
  #park(watcher: Watcher, next: Revision): void {
    this.#victimsMade++;
    watcher.stream.refused(watcher);
    watcher.cause = "stream-full";
    const { position } = watcher;
    let to: Position = { kind: "victim", nextRevision: next };
    if (position.kind === "listing") {
      const listing = position.listing.cursor;
      to = { kind: "victim", nextRevision: nextRevision(listing.revision), listing };
    }
    this.move(watcher, to, "refused");
  }

  #fall(watcher: Watcher, from: Revision, event: FallEvent): void {
    watcher.cause = event === "created-behind" ? "started-in-past" : event;
    this.sendBehind(watcher, from, event);
  }

  /** Those whose start the head has reached read from there, like anyone who is behind. */
  #startFuture(): void {
    while (this.#future.least <= this.#headRevision) {
      const { watcher, from } = this.#future.take();
      this.#fall(watcher, from, "start-reached");
    }
  }

  #leave(watcher: Watcher): void {
    const { position, stream } = watcher;
    switch (position.kind) {
      case "synced":
        leaveSeat(watcher.watchClass, watcher);
        break;
      case "riding":
        position.sweep.left(watcher);
        break;
      case "listing":
        this.#lister.left(watcher, position.listing);
        break;
      case "victim":
        stream.unpark(watcher);
        break;
      case "future":
      case "unsynced":
        // Where it waits it is recognised by its position: it does not wait there any more.
        break;
      case "cancelled":
        assert(false, "a cancelled watcher moves no more");
        return;
      default:
        unreachable(position);
    }
    this.#positions[position.kind]--;
  }

  #enter(watcher: Watcher, to: Position): void {
    const wasSettled = watcher.position.kind === "synced";
    watcher.position = to;
    if (to.kind !== "cancelled") this.#positions[to.kind]++;
    switch (to.kind) {
      case "synced":
        takeSeat(watcher.watchClass, watcher);
        break;
      case "riding":
        to.sweep.boarded(watcher);
        break;
      case "listing":
        takeSeat(to.listing.audience, watcher);
        break;
      case "victim":
        watcher.stream.park(watcher);
        break;
      case "future":
      case "unsynced":
        break;
      case "cancelled":
        if (to.reason === "compacted") this.#compactionCancels++;
        if (to.reason === "operator") this.#operatorCancels++;
        this.#forget(watcher);
        break;
      default:
        unreachable(to);
    }
    const isSettled = to.kind === "synced" || to.kind === "cancelled";
    if (wasSettled !== isSettled) watcher.stream.settle(isSettled ? -1 : 1);
  }

  #forget({ watchClass }: Watcher): void {
    this.#watcherCount--;
    if (watchClass.wishes.prevKv) this.#previousWanted--;
    watchClass.members--;
    if (watchClass.members === 0) this.#index.remove(watchClass);
  }
}

/** With whom the watcher is served. */
function audienceOf(watchClass: WatchClass, position: Position): Audience | undefined {
  if (position.kind === "synced") return watchClass;
  if (position.kind === "riding") return watchClass.audience(position.sweep.kind);
  return position.kind === "listing" ? position.listing.audience : undefined;
}
