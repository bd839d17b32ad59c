/** Prometheus' text format, rendered from plain numbers when somebody asks. */

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Renders metrics one after the other; the caller sees to it that a name comes once. */
export class MetricsText {
  readonly #lines: string[] = [];

  gauge(name: string, help: string, samples: number | readonly Sample[]): void {
    this.#metric("gauge", name, help, samples);
  }

  counter(name: string, help: string, samples: number | readonly Sample[]): void {
    this.#metric("counter", name, help, samples);
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #metric(
    type: "gauge" | "counter",
    name: string,
    help: string,
    samples: number | readonly Sample[],
  ): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    const list = typeof samples === "number" ? [{ value: samples }] : samples;
    for (const { labels, value } of list) this.#lines.push(`${name}${labelText(labels)} ${value}`);
  }
}

function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  if (labels === undefined) return "";
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return `{${pairs.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
