import { residentBytes } from "../test/support/servers.ts";
import type { Figures } from "./figures.ts";
import type { RowContext } from "./row.ts";
import type { Sink } from "./sink.ts";
import { newPlan, openWriters } from "./watch-load.ts";

const HEALTHY = {
  interest: "all",
  watchers: 1_000,
  streams: 100,
  writers: 64,
  putsPerCall: 1,
} as const;
const PUTS_PER_SECOND = 1_000;
const DURATION_MS = 2_000;

/**
 * Healthy watchers alone, then beside as many on connections that never read a byte. Memory growth
 * is that of the server from before the stalled ones are opened until the last event has come.
 */
export async function runStallLoad({ server, sinks, scale }: RowContext): Promise<Figures> {
  const sink = await sinks.open(newPlan(HEALTHY, server));
  const writers = await openWriters(HEALTHY, server.port);
  const stint = {
    putsMax: Number.POSITIVE_INFINITY,
    durationMs: DURATION_MS * scale,
    putsPerSecond: PUTS_PER_SECOND,
  };
  let stalled: Sink | undefined;
  try {
    const alone = await writers.write(stint);
    const aloneArrival = await sink.arrived(writers.puts);
    const before = residentBytes(server.pid);
    stalled = await sinks.open({ ...newPlan(HEALTHY, server), stalls: true });
    const beside = await writers.write(stint);
    const arrival = await sink.arrived(writers.puts);
    return {
      putsPerSecond: (beside.puts * 1000) / beside.elapsedMs,
      alonePutP99Ms: alone.latency.p99Ms,
      aloneWatchP99Ms: aloneArrival.latency.p99Ms,
      putP99Ms: beside.latency.p99Ms,
      watchP99Ms: arrival.latency.p99Ms,
      putP99Ratio: beside.latency.p99Ms / alone.latency.p99Ms,
      watchP99Ratio: arrival.latency.p99Ms / aloneArrival.latency.p99Ms,
      growthMiB: (residentBytes(server.pid) - before) / 2 ** 20,
    };
  } finally {
    writers.close();
    await sink.close();
    await stalled?.close();
  }
}
