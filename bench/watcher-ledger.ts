import { type InterestPlan, eventsOf, eventsOfAll } from "./keys.ts";
import type { MessageCounter } from "./message-counter.ts";

type Response = Pick<MessageCounter, "revision" | "events" | "isCreated" | "isCanceled">;

export interface LedgerOptions {
  /** A number of events after which a watcher has caught up; 0 = of no interest. */
  readonly mark: number;
  /** etcd's may go back: a catch-up response tells the present revision, a retried one not (W26). */
  readonly headersAscend: boolean;
}

/**
 * What each watcher has been sent: that it was created once, how many events came, and that the
 * revisions in its headers never go back, where they may not. Whatever is not as it should be is thrown.
 */
export class WatcherLedger {
  readonly #plan: InterestPlan;
  readonly #events: Float64Array;
  readonly #revisions: Float64Array;
  readonly #mark: number;
  readonly #headersAscend: boolean;
  #markedWatchers = 0;
  created = 0;
  events = 0;

  constructor(plan: InterestPlan, { mark, headersAscend }: LedgerOptions) {
    this.#plan = plan;
    this.#mark = mark;
    this.#headersAscend = headersAscend;
    this.#events = new Float64Array(plan.watchers);
    this.#revisions = new Float64Array(plan.watchers);
  }

  get areAllCreated(): boolean {
    return this.created === this.#plan.watchers;
  }

  get areAllMarked(): boolean {
    return this.#markedWatchers === this.#plan.watchers;
  }

  /** A response to watcher number `watcher`. */
  message(watcher: number, { revision, events, isCreated, isCanceled }: Response): void {
    if (isCanceled) throw new Error(`watcher ${watcher} was canceled`);
    const before = this.#events[watcher];
    if (before === undefined) throw new Error(`there is no watcher ${watcher}`);
    if (isCreated) {
      if (events > 0) throw new Error(`the created response of watcher ${watcher} has events`);
      this.created++;
      return;
    }
    const newest = this.#revisions[watcher] as number;
    if (this.#headersAscend && revision < newest) {
      throw new Error(`watcher ${watcher}: header revision ${revision} behind ${newest}`);
    }
    this.#revisions[watcher] = revision;
    const after = before + events;
    this.#events[watcher] = after;
    this.events += events;
    if (before < this.#mark && after >= this.#mark) this.#markedWatchers++;
  }

  /**
   * Whether every watcher has what it should have of `puts` puts.
   * @throws Error when one has more than that, or others have what it lacks.
   */
  hasAll(puts: number): boolean {
    const expected = eventsOfAll(puts, this.#plan);
    if (this.events < expected) return false;
    for (let i = 0; i < this.#plan.watchers; i++) {
      const due = eventsOf(i, puts, this.#plan);
      if (this.#events[i] === due) continue;
      throw new Error(`watcher ${i} got ${this.#events[i]} events of ${due}`);
    }
    return true;
  }
}
