import type { TestServer } from "../test/support/servers.ts";
import type { Figures } from "./figures.ts";
import { type InterestPlan, eventsOfAll } from "./keys.ts";
import { CpuMeter, type RowContext } from "./row.ts";
import type { SinkPlan } from "./sink-plan.ts";
import { Writers } from "./writers.ts";

export interface WatchLoad extends InterestPlan {
  readonly streams: number;
  readonly writers: number;
  /** 0 = as fast as answers come. */
  readonly putsPerSecond: number;
  readonly putsMax: number;
  readonly putsPerCall: number;
}

const CONNECTIONS = 10;
/** Writers stop after this long; the clock stops when the last event of their puts has come. */
const DURATION_MS = 1_500;

/** Watchers that are all level, and writers. */
export async function runWatchLoad(
  load: WatchLoad,
  { server, sinks, scale }: RowContext,
): Promise<Figures> {
  const sink = await sinks.open(newPlan(load, server));
  const writers = await openWriters(load, server.port);
  try {
    const cpu = new CpuMeter(server);
    const written = await writers.write({
      putsMax: Math.ceil(load.putsMax * scale),
      durationMs: DURATION_MS * scale,
      putsPerSecond: load.putsPerSecond,
    });
    const { atMs, latency } = await sink.arrived(written.puts);
    const events = eventsOfAll(written.puts, load);
    return {
      perSecond: (events * 1000) / (atMs - written.beganMs),
      putsPerSecond: (written.puts * 1000) / written.elapsedMs,
      ...cpu.each(events),
      putP50Ms: written.latency.p50Ms,
      putP99Ms: written.latency.p99Ms,
      watchP50Ms: latency.p50Ms,
      watchP99Ms: latency.p99Ms,
    };
  } finally {
    writers.close();
    await sink.close();
  }
}

/** Watchers that are level and are sent all from now on. */
export function newPlan(
  load: InterestPlan & { streams: number },
  { port, kind }: TestServer,
): SinkPlan {
  const { interest, watchers, streams } = load;
  return {
    port,
    interest,
    watchers,
    streams,
    connections: CONNECTIONS,
    startRevision: 0,
    mark: 0,
    headersAscend: kind === "vedette",
    stalls: false,
  };
}

export function openWriters(
  load: InterestPlan & { writers: number; putsPerCall: number },
  port: number,
): Promise<Writers> {
  const { interest, watchers, writers, putsPerCall } = load;
  return Writers.open({ port, connections: CONNECTIONS, writers, interest, watchers, putsPerCall });
}
