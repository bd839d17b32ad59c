import { Worker } from "node:worker_threads";
import type { ReportOf, SinkOrder, SinkPlan, SinkReport } from "./sink-plan.ts";

/** No row waits longer than this for its events. */
const ARRIVAL_LIMIT_MS = 60_000;

/**
 * Threads that hold sinks, so that counting what comes does not delay the writers. A thread is used
 * again once its sink is closed: code that has become fast stays fast.
 */
export class SinkThreads {
  readonly #idle: Worker[] = [];

  /** Opens all watchers of the plan. */
  async open(plan: SinkPlan): Promise<Sink> {
    const worker = this.#idle.pop() ?? new Worker(new URL("sink-worker.js", import.meta.url));
    const sink = new Sink(worker, () => this.#idle.push(worker));
    await sink.open(plan);
    return sink;
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#idle.map((worker) => worker.terminate()));
  }
}

/**
 * Watchers that check what they get, in another thread. Whatever is amiss there rejects what is
 * waited for here.
 */
export class Sink {
  readonly #worker: Worker;
  readonly #closed: () => void;
  /** Reports that nobody has asked for yet, and who waits for one. */
  readonly #reports = new Map<SinkReport["kind"], SinkReport>();
  readonly #waiters = new Map<SinkReport["kind"], (report: SinkReport) => void>();
  readonly #failed: Promise<never>;
  #broken: (error: Error) => void = () => undefined;
  #opened: ReportOf<"opened"> | undefined;

  constructor(worker: Worker, closed: () => void) {
    this.#worker = worker;
    this.#closed = closed;
    this.#failed = new Promise((_resolve, reject) => {
      this.#broken = reject;
      this.#waiters.set("failed", (report) => reject(new Error(failureText(report))));
    });
    // Whoever waits then is told; nobody has to wait.
    this.#failed.catch(() => undefined);
    worker.on("message", this.#take);
    worker.on("error", this.#broken);
  }

  async open(plan: SinkPlan): Promise<void> {
    this.#order({ kind: "open", plan });
    this.#opened = await this.#next("opened");
  }

  /** When the first request was sent. */
  get beganMs(): number {
    return this.#opened?.beganMs ?? 0;
  }

  /** From then until the last watcher was there. */
  get createMs(): number {
    return (this.#opened?.atMs ?? 0) - this.beganMs;
  }

  /** When all watchers had as many events as the plan's mark says. */
  async marked(): Promise<number> {
    return (await this.#next("marked")).atMs;
  }

  /** Waits until all events of the first `puts` puts since the start have come. */
  arrived(puts: number): Promise<ReportOf<"arrived">> {
    this.#order({ kind: "expect", puts, limitMs: ARRIVAL_LIMIT_MS });
    return this.#next("arrived");
  }

  /** Leaves the thread to the next sink. */
  async close(): Promise<void> {
    this.#order({ kind: "close" });
    await new Promise((resolve) => this.#waiters.set("closed", resolve));
    this.#worker.off("message", this.#take);
    this.#worker.off("error", this.#broken);
    this.#closed();
  }

  readonly #take = (report: SinkReport): void => {
    const waiter = this.#waiters.get(report.kind);
    if (waiter === undefined) this.#reports.set(report.kind, report);
    else waiter(report);
  };

  #order(order: SinkOrder): void {
    this.#worker.postMessage(order);
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

function failureText(report: SinkReport): string {
  return report.kind === "failed" ? report.text : "";
}
