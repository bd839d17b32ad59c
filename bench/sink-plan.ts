import type { InterestPlan } from "./keys.ts";
import type { Percentiles } from "./latencies.ts";
import type { LedgerOptions } from "./watcher-ledger.ts";

/** Watchers that a sink holds open. */
export interface SinkPlan extends InterestPlan, LedgerOptions {
  readonly port: number;
  readonly connections: number;
  /** Over all connections. */
  readonly streams: number;
  /** 0 = from now on. */
  readonly startRevision: number;
  /** Once all watchers are there, no byte is read any more. */
  readonly stalls: boolean;
}

/** What a thread of sinks is told; it has one plan at a time. */
export type SinkOrder =
  | { readonly kind: "open"; readonly plan: SinkPlan }
  /** To say when the events of so many puts have come, since the plan was opened. */
  | { readonly kind: "expect"; readonly puts: number; readonly limitMs: number }
  | { readonly kind: "close" };

/** What the sink says. Times are of the monotonic clock. */
export type SinkReport =
  /** From the first request sent to the last watcher created. */
  | { readonly kind: "opened"; readonly beganMs: number; readonly atMs: number }
  /** When all watchers had as many events as the plan's mark says. */
  | { readonly kind: "marked"; readonly atMs: number }
  /** Latencies are from sending a put to its event, sampled, since the last such report. */
  | { readonly kind: "arrived"; readonly atMs: number; readonly latency: Percentiles }
  | { readonly kind: "closed" }
  | { readonly kind: "failed"; readonly text: string };

export type ReportOf<Kind extends SinkReport["kind"]> = Extract<
  SinkReport,
  { readonly kind: Kind }
>;
