import type { InterestPlan } from "./keys.ts";

/** Watchers that a sink holds open. */
export interface SinkPlan extends InterestPlan {
  readonly port: number;
  readonly connections: number;
  /** Over all connections. */
  readonly streams: number;
  /** 0 = from now on. */
  readonly startRevision: number;
  /** A number of events after which a watcher has caught up; 0 = of no interest. */
  readonly mark: number;
  /** Once all watchers are there, no byte is read any more. */
  readonly stalls: boolean;
}

/** What the sink is told: to say when the events of so many puts have come, since it was opened. */
export interface SinkOrder {
  readonly puts: number;
  readonly limitMs: number;
}

/** What the sink says. Times are of the monotonic clock. */
export type SinkReport =
  /** From the first request sent to the last watcher created. */
  | { readonly kind: "opened"; readonly beganMs: number; readonly atMs: number }
  | { readonly kind: "marked"; readonly atMs: number }
  /** Latencies are from sending a put to its event, sampled, since the last such report. */
  | {
      readonly kind: "arrived";
      readonly atMs: number;
      readonly latenciesMs: readonly number[];
    }
  | { readonly kind: "failed"; readonly text: string };
