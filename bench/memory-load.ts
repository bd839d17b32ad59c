import { join } from "node:path";
import { type TestServer, residentBytes } from "../test/support/servers.ts";
import type { Figures } from "./figures.ts";
import type { Interest } from "./keys.ts";
import type { LiveMemory } from "./memory-probe.ts";
import type { RowContext } from "./row.ts";
import { newPlan } from "./watch-load.ts";

/** What our server loads first, so that it can be asked what lives in it. */
export const MEMORY_PROBE: string = join(import.meta.dirname, "memory-probe.js");

/** `watchers` may be 0: then it is the streams that are measured. */
export interface MemoryLoad {
  readonly interest: Interest;
  readonly watchers: number;
  readonly streams: number;
}

/** How much a server grows by watchers that nothing happens to. */
export async function runMemoryLoad(
  { interest, watchers, streams }: MemoryLoad,
  { server, sinks, scale }: RowContext,
): Promise<Figures> {
  const load = {
    interest,
    watchers: Math.ceil(watchers * scale),
    streams: Math.ceil(streams * scale),
  };
  const liveBefore = await liveMemory(server);
  const residentBefore = residentBytes(server.pid);
  const sink = await sinks.open(newPlan(load, server));
  try {
    const each = watchers === 0 ? load.streams : load.watchers;
    const resident = residentBytes(server.pid) - residentBefore;
    const live = await liveMemory(server);
    const figures: Figures = { createMs: sink.createMs, residentBytes: resident / each };
    if (live === undefined || liveBefore === undefined) return figures;
    const heap = live.heap - liveBefore.heap;
    const offHeap = live.offHeap - liveBefore.offHeap;
    return { ...figures, liveBytes: (heap + offHeap) / each, liveHeapBytes: heap / each };
  } finally {
    await sink.close();
  }
}

async function liveMemory(server: TestServer): Promise<LiveMemory | undefined> {
  return server.kind === "vedette" ? ((await server.ask("memory")) as LiveMemory) : undefined;
}
