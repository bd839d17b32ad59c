import { memoryUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What lives in a server in Node after a full collection, in bytes. */
export interface LiveMemory {
  /** Objects of V8. */
  readonly heap: number;
  /** What V8 knows of outside of its heap: buffers, above all. */
  readonly offHeap: number;
}

/**
 * Loaded into our server before its own code: answers each message of its parent with a LiveMemory,
 * so that the server itself needs no code for being measured.
 */
function answer(): void {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  process.on("message", () => {
    // Twice: what the first one finalises is freed by the second.
    collect();
    collect();
    const { heapUsed, external } = memoryUsage();
    const live: LiveMemory = { heap: heapUsed, offHeap: external };
    process.send?.(live);
  });
  process.channel?.unref();
}

answer();
