import { type ServerKind, TestServer } from "../test/support/servers.ts";
import { type Figures, medians } from "./figures.ts";
import { MEMORY_PROBE } from "./memory-load.ts";
import type { Row } from "./row.ts";
import type { SinkThreads } from "./sink.ts";
import type { Measured } from "./table.ts";

export interface RunOptions {
  readonly servers: readonly ServerKind[];
  readonly rounds: number;
  /** Rounds before those, which are not counted. */
  readonly warmUps: number;
  readonly scale: number;
  readonly sinks: SinkThreads;
  /** Told of a round that failed; that server runs no more of this row. */
  readonly failed: (server: ServerKind, error: unknown) => void;
}

/** Runs a row round by round, in each on all servers in turn. */
export async function runRow(row: Row, options: RunOptions): Promise<Measured[]> {
  const contestants = options.servers.map((kind) => new Contestant(kind, row, options));
  const warmUps = row.isFresh === true ? 0 : options.warmUps;
  try {
    for (let i = 0; i < warmUps + options.rounds; i++) {
      for (const contestant of contestants) await contestant.run(i >= warmUps);
    }
  } finally {
    for (const contestant of contestants) await contestant.dispose();
  }
  return contestants.flatMap(({ kind, results }) =>
    results.length === 0 ? [] : [{ row, server: kind, figures: medians(results) }],
  );
}

/**
 * A server in a row. Between its rounds it is stopped by a signal: it would go on tidying up, and
 * be on the cores while another one is measured.
 */
class Contestant {
  readonly kind: ServerKind;
  readonly results: Figures[] = [];
  readonly #row: Row;
  readonly #options: RunOptions;
  #server: TestServer | undefined;
  #round: (() => Promise<Figures>) | undefined;
  #isOut = false;

  constructor(kind: ServerKind, row: Row, options: RunOptions) {
    this.kind = kind;
    this.#row = row;
    this.#options = options;
  }

  async run(isCounted: boolean): Promise<void> {
    if (this.#isOut) return;
    try {
      const figures = await (await this.#ready())();
      if (isCounted) this.results.push(figures);
      if (this.#row.isFresh === true) await this.dispose();
      else this.#server?.suspend();
    } catch (error) {
      this.#isOut = true;
      this.results.length = 0;
      this.#options.failed(this.kind, error);
      await this.dispose();
    }
  }

  async dispose(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.#round = undefined;
    server?.resume();
    await server?.dispose();
  }

  async #ready(): Promise<() => Promise<Figures>> {
    this.#server?.resume();
    this.#server ??= await TestServer.start(
      this.kind,
      this.#row.isFresh === true ? { preload: MEMORY_PROBE } : {},
    );
    const { sinks, scale } = this.#options;
    this.#round ??= await this.#row.prepare({ server: this.#server, sinks, scale });
    return this.#round;
  }
}
