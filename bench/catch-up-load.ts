import type { Figures } from "./figures.ts";
import { currentRevision, runPuts } from "./call-load.ts";
import { CpuMeter, type RowContext } from "./row.ts";
import type { Sink } from "./sink.ts";
import { newPlan, openWriters } from "./watch-load.ts";

const LOAD = { interest: "all", watchers: 100, streams: 10, writers: 16, putsPerCall: 1 } as const;
const REVISIONS = 100_000;
const PRELOAD_WRITERS = 256;
const PUTS_PER_SECOND = 200;
const IDLE_MS = 1_500;

/** Writes the history that watchers will catch up with; each round begins at its first revision. */
export async function prepareCatchUp(context: RowContext): Promise<() => Promise<Figures>> {
  const { port } = context.server;
  const revisions = Math.ceil(REVISIONS * context.scale);
  const startRevision = (await currentRevision(port)) + 1;
  await runPuts({ callers: PRELOAD_WRITERS, calls: REVISIONS }, context);
  let puts = revisions;
  return async () => {
    const round = await runCatchUp(context, { startRevision, revisions, puts });
    puts = round.puts;
    return round.figures;
  };
}

interface Past {
  readonly startRevision: number;
  /** Preloaded ones. */
  readonly revisions: number;
  /** Since the start revision. */
  readonly puts: number;
}

/** Writers at a small rate, alone and then beside watchers that read all history. */
async function runCatchUp(
  { server, sinks, scale }: RowContext,
  past: Past,
): Promise<{ readonly figures: Figures; readonly puts: number }> {
  const writers = await openWriters(LOAD, server.port);
  const stint = { putsMax: Number.POSITIVE_INFINITY, putsPerSecond: PUTS_PER_SECOND };
  let sink: Sink | undefined;
  try {
    const idle = await writers.write({ ...stint, durationMs: IDLE_MS * scale });
    const cpu = new CpuMeter(server);
    const writing = writers.write({ ...stint, durationMs: Number.POSITIVE_INFINITY });
    const { startRevision, revisions } = past;
    const plan = newPlan(LOAD, server);
    sink = await sinks.open({ ...plan, startRevision, mark: revisions });
    const { beganMs } = sink;
    const markedMs = await sink.marked();
    const events = revisions * LOAD.watchers;
    const cpuEach = cpu.each(events);
    writers.stop();
    const written = await writing;
    const puts = past.puts + writers.puts;
    await sink.arrived(puts);
    const figures: Figures = {
      perSecond: (events * 1000) / (markedMs - beganMs),
      ...cpuEach,
      idlePutP50Ms: idle.latency.p50Ms,
      idlePutP99Ms: idle.latency.p99Ms,
      putP50Ms: written.latency.p50Ms,
      putP99Ms: written.latency.p99Ms,
    };
    return { figures, puts };
  } finally {
    writers.close();
    await sink?.close();
  }
}
