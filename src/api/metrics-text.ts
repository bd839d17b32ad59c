import type { Histogram } from "./histogram.ts";

export type Labels = Readonly<Record<string, string>>;

/** One value of a family, with what tells it from its brothers. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/** Collects metrics and writes them as Prometheus' text format 0.0.4. */
export class MetricsText {
  readonly #lines: string[] = [];

  counter(name: string, help: string, value: number): void {
    this.#head(name, "counter", help);
    this.#sample(name, {}, value);
  }

  gauge(name: string, help: string, value: number): void {
    this.#head(name, "gauge", help);
    this.#sample(name, {}, value);
  }

  /** A gauge whose value is always 1: what it says is in its labels. */
  labelledGauge(name: string, help: string, labels: Labels): void {
    this.#head(name, "gauge", help);
    this.#sample(name, labels, 1);
  }

  /** A family of counters; left out as a whole when it has no sample. */
  counters(name: string, help: string, samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    this.#head(name, "counter", help);
    for (const { labels, value } of samples) this.#sample(name, labels, value);
  }

  gauges(name: string, help: string, samples: readonly Sample[]): void {
    this.#head(name, "gauge", help);
    for (const { labels, value } of samples) this.#sample(name, labels, value);
  }

  /** A family that has no sample now. */
  family(name: string, type: "counter" | "gauge" | "histogram", help: string): void {
    this.#head(name, type, help);
  }

  histogram(name: string, help: string, histogram: Histogram): void {
    this.#head(name, "histogram", help);
    const counts = histogram.cumulative();
    histogram.bounds.forEach((bound, index) => {
      this.#sample(`${name}_bucket`, { le: numberText(bound) }, counts[index] ?? 0);
    });
    this.#sample(`${name}_bucket`, { le: "+Inf" }, histogram.count);
    this.#sample(`${name}_sum`, {}, histogram.sum);
    this.#sample(`${name}_count`, {}, histogram.count);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #head(name: string, type: string, help: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  #sample(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escapeLabel(text)}"`);
    const label = pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
    this.#lines.push(`${name}${label} ${numberText(value)}`);
  }
}

function escapeLabel(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
}
