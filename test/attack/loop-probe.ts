import { monitorEventLoopDelay } from "node:perf_hooks";

/** How late a server's event loop was since it was asked the last time, in milliseconds. */
export interface LoopDelay {
  /** Of the lateness of a timer of one millisecond. */
  readonly p99Ms: number;
  readonly maxMs: number;
}

const RESOLUTION_MS = 1;

/**
 * Loaded into our server before its own code: answers each message of its parent with a LoopDelay,
 * which tells what the server did to its clients from what a busy machine did to them.
 */
function answer(): void {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const latenessMs = (nanoseconds: number): number =>
    Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  process.on("message", () => {
    const delay: LoopDelay = {
      p99Ms: latenessMs(histogram.percentile(99)),
      maxMs: latenessMs(histogram.max),
    };
    histogram.reset();
    process.send?.(delay);
  });
  process.channel?.unref();
}

answer();
