import { assert } from "../base/assert.ts";
import type { EventSink } from "./event-sink.ts";
import type { WatchHub } from "./hub.ts";
import { type ControlFields, NO_WATCH_ID, type WatchId } from "./response-head.ts";
import type { Interest } from "./interest.ts";
import { NOT_WAITING, SYNCED, Watcher } from "./watcher.ts";
import { WatcherTable } from "./watcher-table.ts";

/** A watch as the client asked for it, its range already parsed (W1). */
export interface CreateRequest {
  /** 0 = choose one (W16). */
  readonly id: WatchId;
  readonly interest: Interest;
  /** 0 = from now on. */
  readonly startRevision: number;
  /** Whether the keys as they are now come first (docs/watch-extensions.md). */
  readonly state?: boolean;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
}

const NOBODY: ReadonlySet<Watcher> = new Set();
const EMPTY_RANGE = "mvcc: watcher range is empty";
const DUPLICATE_ID = "mvcc: duplicate watch ID provided on the WatchStream";
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const TOO_MANY_WATCHERS = "etcdserver: too many watchers";
const STATE_AND_START = "vedette: a watch that begins with the state has no start_revision";

/** Who opened a stream, for people. */
export interface StreamClient {
  /** The client's address: `127.0.0.1:51234`. */
  readonly peer: string;
  /** The authenticated user; empty while nobody has to say who they are. */
  readonly user: string;
  /** True for the server's own waiting on keys in the course of another call. */
  readonly isInternal?: boolean;
}

/**
 * One client's Watch call: its watchers by id, and the requests it may make. All answers go through
 * its sink in order.
 */
export class WatchStream {
  readonly sink: EventSink;
  /** Names the stream among all that the hub ever opened, from 1 on. */
  readonly number: number;
  readonly client: StreamClient;
  readonly #hub: WatchHub;
  readonly #watchers = new WatcherTable();
  /** Ids of watchers cancelled by compaction: a cancel of one is still answered (D3). */
  #compactedIds: Set<WatchId> | undefined;
  #nextId = 0;
  /** Watchers that are not synced: behind, parked, or waiting for a future revision. */
  #unsettled = 0;
  #progressRequested = false;
  #closed = false;
  /** Those who have not left yet, once the stream is closed. */
  #leaving: IterableIterator<Watcher> | undefined;
  /** Counts how often the sink had room again after it had refused. */
  #turn = 0;
  #owed: Watcher | undefined;
  #victims: Set<Watcher> | undefined;

  constructor(hub: WatchHub, sink: EventSink, names: { number: number; client: StreamClient }) {
    this.#hub = hub;
    this.sink = sink;
    this.number = names.number;
    this.client = names.client;
  }

  get size(): number {
    return this.#watchers.size;
  }

  get watchers(): IterableIterator<Watcher> {
    return this.#watchers.values();
  }

  /** Watchers parked because this stream took no more; none of them stays when it drains. */
  get victims(): ReadonlySet<Watcher> {
    return this.#victims ?? NOBODY;
  }

  /** Creates a watcher or refuses it; answers at once either way (W8-W17, in etcd's order). */
  create(request: CreateRequest): void {
    assert(!this.#closed, "a closed stream gets no requests");
    const refusal = this.#refusal(request);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    const id = request.id === 0 ? this.#chooseId() : request.id;
    this.#compactedIds?.delete(id);
    const watcher = new Watcher(this, this.#hub.classFor(request.interest), {
      id,
      fragment: request.fragment,
      progressNotify: request.progressNotify,
      position: SYNCED,
      createdSecond: this.#hub.ageSeconds,
    });
    this.#watchers.add(watcher);
    // The answer comes first: no event of an id may precede its created response (W71).
    this.#control(id, { created: true });
    if (request.state === true) this.#hub.startWithState(watcher);
    else this.#hub.start(watcher, request.startRevision);
  }

  /** Answers a create that asks for what cannot be (W8). */
  refuse(reason: string): void {
    this.#control(NO_WATCH_ID, { created: true, canceled: true, cancelReason: reason });
  }

  /** Cancels a watcher; an unknown id gets no answer (W33, W34). */
  cancel(id: WatchId): void {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) {
      if (this.#compactedIds?.delete(id) === true) this.#control(id, { canceled: true });
      return;
    }
    this.#watchers.delete(id);
    // Before the move: that may answer a progress request, which no longer speaks for this watcher.
    this.#control(id, { canceled: true, skipped: watcher.skipped });
    this.#hub.move(watcher, { kind: "cancelled", reason: "client" }, "client-cancel");
  }

  /**
   * Cancels a watcher although its client did not ask; false when there is none of this id. The
   * client is told, the stream lives on. A cancel of the client's own that crosses ours gets no
   * answer, like that of any id that is not there (W34): it has been answered.
   */
  cancelByOperator(id: WatchId, reason: string): boolean {
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return false;
    this.#watchers.delete(id);
    this.#control(id, { canceled: true, cancelReason: reason, skipped: watcher.skipped });
    this.#hub.move(watcher, { kind: "cancelled", reason: "operator" }, "operator-cancel");
    return true;
  }

  /** A manual progress request: answered once all watchers are synced, never ahead (W47, D12). */
  requestProgress(): void {
    this.#progressRequested = true;
    this.#answerProgress();
  }

  /** The periodic tick: progress for quiet synced watchers that asked for it (W43-W46). */
  progressTick(): void {
    const { head } = this.#hub;
    let isFull = false;
    for (const watcher of this.#watchers.values()) {
      if (!watcher.progressNotify) continue;
      if (watcher.sentSinceTick) watcher.sentSinceTick = false;
      else if (watcher.position.kind === "synced") {
        // A stream that takes no more gets no progress this time: the next tick asks again (W45).
        isFull ||= !this.#hub.offerProgress(watcher, head);
      }
    }
  }

  /** The sink has room again: its victims read on from where they were parked. */
  drained(): void {
    if (this.#closed) return;
    this.#owed = this.#longestPassedOver();
    this.#turn++;
    this.#hub.resume(this);
  }

  /** Called by the hub when a watcher becomes a victim, and when it is one no more. */
  park(watcher: Watcher): void {
    this.#victims ??= new Set();
    this.#victims.add(watcher);
  }

  unpark(watcher: Watcher): void {
    this.#victims?.delete(watcher);
    if (this.#victims?.size === 0) this.#victims = undefined;
  }

  /** The sink refused this watcher's message, which is parked now unless the stream owes it. */
  refused(watcher: Watcher): void {
    if (watcher.waitsSince === NOT_WAITING) watcher.waitsSince = this.#turn;
  }

  /**
   * Whether this message must be sent although the sink refuses it. One of each turn is: that of
   * the watcher which has come away empty for the most turns, so that no watcher, however much it
   * has to say, keeps the others of its stream from being heard. It costs the stream one message of
   * memory.
   */
  mustTake(watcher: Watcher): boolean {
    if (watcher !== this.#owed) return false;
    this.#owed = undefined;
    return true;
  }

  /** Of the victims, the one refused first in the earliest turn, if that was before this one. */
  #longestPassedOver(): Watcher | undefined {
    let longest: Watcher | undefined;
    let since = this.#turn;
    for (const watcher of this.victims) {
      if (watcher.waitsSince >= since) continue;
      since = watcher.waitsSince;
      longest = watcher;
    }
    return longest;
  }

  /** The client is gone. */
  close(): void {
    while (this.closeSome(Number.POSITIVE_INFINITY));
  }

  /**
   * The client is gone, and its sink takes nothing more: at most `watchersMax` watchers leave. True
   * while others are left, for the next call. The cost is theirs, under a microsecond each.
   */
  closeSome(watchersMax: number): boolean {
    this.#closed = true;
    let left = 0;
    this.#leaving ??= this.#watchers.values();
    for (let next = this.#leaving.next(); next.done !== true; next = this.#leaving.next()) {
      const watcher = next.value;
      this.#watchers.delete(watcher.id);
      this.#hub.move(watcher, { kind: "cancelled", reason: "client" }, "stream-closed");
      if (++left >= watchersMax) return true;
    }
    this.#compactedIds = undefined;
    this.#hub.closed(this);
    return false;
  }

  /** History that the watcher still needed is gone (W15, W76). Once, whatever its company. */
  cancelCompacted(watcher: Watcher, compactRevision: number): void {
    this.#watchers.delete(watcher.id);
    this.#compactedIds ??= new Set();
    if (this.#compactedIds.size < this.#hub.limits.watchersPerStream) {
      this.#compactedIds.add(watcher.id);
    }
    const { skipped } = watcher;
    const message = this.#hub.control(watcher.id, 0, { canceled: true, compactRevision, skipped });
    this.sink.control(message);
    this.#hub.move(watcher, { kind: "cancelled", reason: "compacted" }, "compacted");
  }

  /** Called by the hub as watchers leave (+1) and reach (-1) the synced position. */
  settle(change: 1 | -1): void {
    this.#unsettled += change;
    assert(this.#unsettled >= 0, "as many watchers settle as were unsettled");
    if (change === -1) this.#answerProgress();
  }

  #refusal({ id, interest, startRevision, state }: CreateRequest): string | undefined {
    const { limits } = this.#hub;
    if (startRevision < 0) return COMPACTED;
    if (interest.range.kind === "empty") return EMPTY_RANGE;
    if (state === true && startRevision !== 0) return STATE_AND_START;
    if (id === NO_WATCH_ID || (id !== 0 && this.#watchers.has(id))) return DUPLICATE_ID;
    const isFull =
      this.#watchers.size >= limits.watchersPerStream ||
      this.#hub.watcherCount >= limits.watchersTotal;
    return isFull ? TOO_MANY_WATCHERS : undefined;
  }

  #chooseId(): number {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }

  #answerProgress(): void {
    if (!this.#progressRequested || this.#unsettled > 0 || this.#closed) return;
    this.#progressRequested = false;
    // A stream without watchers has nothing to be level with (W48).
    if (this.#watchers.size > 0) this.#control(NO_WATCH_ID, {});
  }

  #control(id: WatchId, fields: ControlFields): void {
    this.sink.control(this.#hub.control(id, this.#hub.head, fields));
  }
}
