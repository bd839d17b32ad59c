import { assert } from "../base/assert.ts";
import { latin1Text } from "../base/bytes.ts";
import { Heap } from "../base/heap.ts";
import type { Revision } from "../base/revision.ts";
import type { WatchHub } from "./hub.ts";
import type { WatchClass } from "./watch-class.ts";
import { POSITION_KINDS, type PositionKind, type Watcher } from "./watcher.ts";
import { cursorOf, lagRevisions } from "./watcher-lag.ts";

/** What somebody wants to know of the watchers. */
export interface SurveyQuery {
  /** How many watchers to show, those with the largest lag first. */
  readonly limit: number;
  /** Only watchers that stand there. */
  readonly position?: PositionKind;
  /** Only watchers whose range contains this key. */
  readonly key?: Uint8Array;
  /** How many classes to show, those with the most watchers first. */
  readonly classLimit?: number;
}

/** A watcher as it was when the survey came by. */
export interface Sighting {
  readonly watcher: Watcher;
  readonly position: PositionKind;
  readonly cursor: Revision;
  readonly lag: number;
}

/** Sums over a group of watchers; lags in revisions. */
export interface LagTotals {
  watchers: number;
  /** Those with a lag. */
  behind: number;
  lagSum: number;
  lagMax: number;
}

/**
 * Walks all watchers in bounded steps while they go on with their lives: each is counted as it
 * stands when its turn comes, those that come meanwhile are seen, those that leave are not. Holds
 * `limit` watchers and `classLimit` classes, however many there are.
 */
export class WatcherSurvey {
  readonly #hub: WatchHub;
  readonly #query: SurveyQuery;
  readonly #key: string | undefined;
  readonly #classWalk: Iterator<WatchClass>;
  readonly #streamWalk: Iterator<{ readonly watchers: Iterator<Watcher> }>;
  #watcherWalk: Iterator<Watcher> | undefined;
  #phase: "classes" | "watchers" | "done";
  /** The least lag on top, so that a larger one takes its place. */
  readonly #worst = new Heap<Sighting>();
  readonly #largest = new Heap<WatchClass>();
  readonly #classTotals = new Map<WatchClass, LagTotals>();
  /** Of all watchers seen, whatever the query asks for. */
  readonly totals: LagTotals = noTotals();
  readonly byPosition: Readonly<Record<PositionKind, LagTotals>>;
  /** Watchers that the query asks for, shown or not. */
  matched = 0;

  constructor(hub: WatchHub, query: SurveyQuery) {
    this.#hub = hub;
    this.#query = query;
    const { key } = query;
    this.#key = key === undefined ? undefined : latin1Text(key, 0, key.length);
    this.#classWalk = hub.classes;
    this.#streamWalk = hub.streams;
    this.#phase = (query.classLimit ?? 0) > 0 ? "classes" : "watchers";
    this.byPosition = {
      synced: noTotals(),
      future: noTotals(),
      unsynced: noTotals(),
      riding: noTotals(),
      listing: noTotals(),
      victim: noTotals(),
    };
  }

  /** Looks at about `visits` classes, streams and watchers; true when there are no more. */
  step(visits: number): boolean {
    for (let i = 0; i < visits; i++) {
      if (this.#phase === "classes") this.#visitClass();
      else if (this.#phase === "watchers") this.#visitNext();
      else break;
    }
    return this.#phase === "done";
  }

  /** The watchers to show, the largest lag first, older streams before younger ones. */
  sightings(): readonly Sighting[] {
    assert(this.#phase === "done", "a survey is read when it is done");
    return drained(this.#worst).sort(
      (one, other) =>
        other.lag - one.lag || one.watcher.stream.number - other.watcher.stream.number,
    );
  }

  /** The classes to show and their totals, the one with the most watchers first. */
  classes(): readonly (readonly [WatchClass, Readonly<LagTotals>])[] {
    assert(this.#phase === "done", "a survey is read when it is done");
    return [...this.#classTotals].sort(([, one], [, other]) => other.watchers - one.watchers);
  }

  #visitClass(): void {
    const { done, value: watchClass } = this.#classWalk.next();
    if (done !== true) {
      keepLargest(this.#largest, this.#query.classLimit ?? 0, watchClass.members, watchClass);
      return;
    }
    for (const chosen of drained(this.#largest)) this.#classTotals.set(chosen, noTotals());
    this.#phase = "watchers";
  }

  #visitNext(): void {
    const next = this.#watcherWalk?.next();
    if (next !== undefined && next.done !== true) {
      this.#visit(next.value);
      return;
    }
    const { done, value: stream } = this.#streamWalk.next();
    if (done === true) this.#phase = "done";
    else this.#watcherWalk = stream.watchers;
  }

  #visit(watcher: Watcher): void {
    const { position, watchClass } = watcher;
    const { head } = this.#hub;
    assert(position.kind !== "cancelled", "a cancelled watcher is in no stream");
    const cursor = cursorOf(position, head);
    const lag = lagRevisions(cursor, head);
    count(this.totals, lag);
    count(this.byPosition[position.kind], lag);
    const classTotals = this.#classTotals.get(watchClass);
    if (classTotals !== undefined) count(classTotals, lag);
    const { limit } = this.#query;
    if (this.#query.position !== undefined && this.#query.position !== position.kind) return;
    if (this.#key !== undefined && !watchClass.contains(this.#key)) return;
    this.matched++;
    if (this.#worst.size === limit && lag <= this.#worst.least) return;
    keepLargest(this.#worst, limit, lag, { watcher, position: position.kind, cursor, lag });
  }
}

/** All positions, for whoever shows the totals. */
export function positionTotals(
  survey: WatcherSurvey,
): readonly (readonly [PositionKind, Readonly<LagTotals>])[] {
  return POSITION_KINDS.map((kind) => [kind, survey.byPosition[kind]]);
}

function noTotals(): LagTotals {
  return { watchers: 0, behind: 0, lagSum: 0, lagMax: 0 };
}

function count(totals: LagTotals, lag: number): void {
  totals.watchers++;
  if (lag === 0) return;
  totals.behind++;
  totals.lagSum += lag;
  if (lag > totals.lagMax) totals.lagMax = lag;
}

/** Of values that tie for the last place, those that came first stay. */
function keepLargest<Value>(heap: Heap<Value>, limit: number, order: number, value: Value): void {
  if (heap.size < limit) heap.push(order, value);
  else if (order > heap.least) {
    heap.pop();
    heap.push(order, value);
  }
}

function drained<Value>(heap: Heap<Value>): Value[] {
  const values: Value[] = [];
  for (let value = heap.pop(); value !== undefined; value = heap.pop()) values.push(value);
  return values;
}
