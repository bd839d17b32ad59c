import type { Timers } from "../base/outside.ts";
import type { Replica } from "../replica/replica.ts";
import type { WatchHub } from "../watch/hub.ts";
import type { WatchId } from "../watch/response-head.ts";
import { type SurveyQuery, type LagTotals, WatcherSurvey } from "../watch/watcher-survey.ts";
import { viewOf, type WatcherView } from "../watch/watcher-view.ts";

export interface WatcherDirectoryOptions {
  readonly hub: WatchHub;
  readonly replica: Replica;
  readonly timers: Timers;
}

/** Watchers that one answer shows at most: what can be put together within a turn. */
export const WATCHERS_SHOWN_MAX = 500;
/** Classes that one answer shows at most. */
export const CLASSES_SHOWN_MAX = 1000;
/** Watchers that a survey looks at in one turn of the event loop: about a millisecond. */
const VISITS_PER_TURN = 10_000;
/** Surveys that wait for their turn at most: one is done at a time. */
const SURVEYS_WAITING_MAX = 64;

interface Job {
  readonly query: SurveyQuery;
  readonly done: (survey: WatcherSurvey) => void;
}

/**
 * Answers questions about watchers without getting into their way: surveys are done one at a time,
 * a slice a turn of the event loop, so that neither many watchers nor many questions hold it up.
 */
export class WatcherDirectory {
  readonly #hub: WatchHub;
  readonly #replica: Replica;
  readonly #timers: Timers;
  readonly #waiting: Job[] = [];
  #isRunning = false;
  /** Who asked for the lag while it is being found out: all get the same answer. */
  #lagWanted: ((lag: Readonly<LagTotals>) => void)[] = [];

  constructor({ hub, replica, timers }: WatcherDirectoryOptions) {
    this.#hub = hub;
    this.#replica = replica;
    this.#timers = timers;
  }

  get hub(): WatchHub {
    return this.#hub;
  }

  /** `done` follows, at once where there are few watchers; false = too many wait already. */
  survey(query: SurveyQuery, done: (survey: WatcherSurvey) => void): boolean {
    if (this.#waiting.length >= SURVEYS_WAITING_MAX) return false;
    this.#start({ query, done });
    return true;
  }

  /** The lags of all watchers, summed up. */
  lag(done: (lag: Readonly<LagTotals>) => void): void {
    this.#lagWanted.push(done);
    if (this.#lagWanted.length > 1) return;
    this.#start({
      query: { limit: 0 },
      done: ({ totals }) => {
        const wanted = this.#lagWanted;
        this.#lagWanted = [];
        for (const one of wanted) one(totals);
      },
    });
  }

  /** The rows of a finished survey. */
  views(survey: WatcherSurvey): WatcherView[] {
    const guess = this.#revisionBytesGuess();
    return survey.sightings().map((sighting) => viewOf(this.#hub, sighting, guess));
  }

  /** False when there is no such watcher. */
  cancel(name: { streamNumber: number; watchId: WatchId }, reason: string): boolean {
    const stream = this.#hub.streamOf(name.streamNumber);
    return stream !== undefined && stream.cancelByOperator(name.watchId, reason);
  }

  #start(job: Job): void {
    this.#waiting.push(job);
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#next();
  }

  #next(): void {
    const job = this.#waiting.shift();
    if (job === undefined) this.#isRunning = false;
    else this.#slice(job, new WatcherSurvey(this.#hub, job.query));
  }

  #slice(job: Job, survey: WatcherSurvey): void {
    if (!survey.step(VISITS_PER_TURN)) {
      this.#timers.endOfTurn(() => this.#slice(job, survey));
      return;
    }
    job.done(survey);
    // Not at once: putting an answer together takes its time too.
    if (this.#waiting.length > 0) this.#timers.endOfTurn(() => this.#next());
    else this.#isRunning = false;
  }

  /** What a revision takes in the store, by the number of records that it holds about. */
  #revisionBytesGuess(): number {
    const { sizeInUseBytes, keys } = this.#replica.status();
    const { revision, compacted } = this.#replica.view;
    return sizeInUseBytes / Math.max(1, keys + revision - Math.max(0, compacted));
  }
}
