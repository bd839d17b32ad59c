import { Worker } from "node:worker_threads";
import { type Percentiles, percentiles } from "./latencies.ts";
import type { SinkOrder, SinkPlan, SinkReport } from "./sink-plan.ts";

/** All events that were waited for are there. */
export interface Arrival {
  /** When the last one came, monotonic milliseconds. */
  readonly atMs: number;
  readonly latency: Percentiles;
}

/** No row waits longer than this for its events, or for its watchers. */
export const ARRIVAL_LIMIT_MS = 60_000;

/**
 * Watchers in a thread of their own, so that counting what comes does not delay the writers. They
 * check what they get; whatever is amiss rejects what is waited for here.
 */
export class Sink {
  readonly #worker: Worker;
  /** Reports that nobody has asked for yet, and who waits for one. */
  readonly #reports = new Map<SinkReport["kind"], SinkReport>();
  readonly #waiters = new Map<SinkReport["kind"], (report: SinkReport) => void>();
  readonly #failed: Promise<never>;
  #opened: ReportOf<"opened"> | undefined;

  private constructor(plan: SinkPlan) {
    this.#worker = new Worker(new URL("sink-worker.js", import.meta.url), { workerData: plan });
    this.#failed = new Promise((_resolve, reject) => {
      this.#worker.on("error", reject);
      this.#waiters.set("failed", (report) => reject(new Error(failureText(report))));
    });
    // Whoever waits then is told; nobody has to wait.
    this.#failed.catch(() => undefined);
    this.#worker.on("message", (report: SinkReport) => {
      const waiter = this.#waiters.get(report.kind);
      if (waiter === undefined) this.#reports.set(report.kind, report);
      else waiter(report);
    });
  }

  /** Opens all watchers of the plan. */
  static async open(plan: SinkPlan): Promise<Sink> {
    const sink = new Sink(plan);
    sink.#opened = await sink.#next("opened");
    return sink;
  }

  /** When the first request was sent. */
  get beganMs(): number {
    return this.#opened?.beganMs ?? 0;
  }

  /** From then until the last watcher was there. */
  get createMs(): number {
    return (this.#opened?.atMs ?? 0) - this.beganMs;
  }

  /** When all watchers have as many events as the plan's mark says. */
  async marked(): Promise<number> {
    return (await this.#next("marked")).atMs;
  }

  /** Waits until all events of the first `puts` puts since the start have come. */
  async arrived(puts: number): Promise<Arrival> {
    const order: SinkOrder = { puts, limitMs: ARRIVAL_LIMIT_MS };
    this.#worker.postMessage(order);
    const { atMs, latenciesMs } = await this.#next("arrived");
    return { atMs, latency: percentiles(latenciesMs) };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #next<Kind extends SinkReport["kind"]>(kind: Kind): Promise<ReportOf<Kind>> {
    const report = new Promise<SinkReport>((resolve) => {
      const early = this.#reports.get(kind);
      this.#reports.delete(kind);
      if (early === undefined) this.#waiters.set(kind, resolve);
      else resolve(early);
    });
    return Promise.race([report as Promise<ReportOf<Kind>>, this.#failed]);
  }
}

type ReportOf<Kind extends SinkReport["kind"]> = Extract<SinkReport, { readonly kind: Kind }>;

function failureText(report: SinkReport): string {
  return report.kind === "failed" ? report.text : "";
}
