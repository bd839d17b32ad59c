import type { MetricsText } from "./metrics-text.ts";

interface CheckCount {
  readonly type: string;
  readonly name: string;
  successes: number;
  errors: number;
  /** The last result. */
  isWell: boolean;
}

/** How often the pages of health were asked, and what they answered (G32). */
export class HealthCounts {
  #successes = 0;
  #failures = 0;
  readonly #checks = new Map<string, CheckCount>();

  /** An answer of /health. */
  answered(isWell: boolean): void {
    if (isWell) this.#successes++;
    else this.#failures++;
  }

  /** A check of a page: `livez` or `readyz`. */
  checked(type: string, name: string, isWell: boolean): void {
    const key = `${type}/${name}`;
    const count = this.#checks.get(key) ?? { type, name, successes: 0, errors: 0, isWell };
    this.#checks.set(key, count);
    count.isWell = isWell;
    if (isWell) count.successes++;
    else count.errors++;
  }

  addTo(text: MetricsText): void {
    const server = (name: string): string => `etcd_server_${name}`;
    text.counter(server("health_success"), "Healthy answers of /health.", this.#successes);
    text.counter(server("health_failures"), "Other answers of /health.", this.#failures);
    const checks = [...this.#checks.values()];
    const last = "The last result of each check: 1 = well.";
    text.gauges(
      server("healthcheck"),
      last,
      checks.map(({ type, name, isWell }) => ({ labels: { name, type }, value: Number(isWell) })),
    );
    const results = checks.flatMap(({ type, name, successes, errors }) => [
      { labels: { name, status: "success", type }, value: successes },
      { labels: { name, status: "error", type }, value: errors },
    ]);
    const total = "Results of each check.";
    if (results.length === 0) text.family(server("healthchecks_total"), "counter", total);
    else text.counters(server("healthchecks_total"), total, results);
  }
}
