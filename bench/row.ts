import { type CpuSeconds, type TestServer, cpuSeconds } from "../test/support/servers.ts";
import type { Figures } from "./figures.ts";
import type { SinkThreads } from "./sink.ts";

/** What a row is given: a server that answers, and how large the row shall be (1 = as it is). */
export interface RowContext {
  readonly server: TestServer;
  readonly sinks: SinkThreads;
  readonly scale: number;
}

/** A row of the benchmark: one load, with the same amounts for every server. */
export interface Row {
  readonly name: string;
  /** Rows of a group have the same figures, and stand in one table. */
  readonly group: string;
  /** Whether every round has a server of its own; then no round is for warming up. */
  readonly isFresh?: boolean;
  /** What may be asked of us, in ratios to etcd: see the table at the end. */
  readonly bars?: readonly Bar[];
  /** Prepares the server; what it returns runs one round. */
  prepare(context: RowContext): Promise<() => Promise<Figures>>;
}

/** `times` what etcd does: at least where more is better, at most where less is. */
export interface Bar {
  readonly figure: keyof Figures;
  readonly times: number;
}

/** Server CPU of one operation, between two moments. */
export class CpuMeter {
  readonly #pid: number;
  readonly #before: CpuSeconds;

  constructor(server: TestServer) {
    this.#pid = server.pid;
    this.#before = cpuSeconds(server.pid);
  }

  each(operations: number): Figures {
    const now = cpuSeconds(this.#pid);
    const cpuUserMicros = ((now.user - this.#before.user) * 1e6) / operations;
    const cpuSystemMicros = ((now.system - this.#before.system) * 1e6) / operations;
    return { cpuMicros: cpuUserMicros + cpuSystemMicros, cpuUserMicros, cpuSystemMicros };
  }
}
