import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { MethodFigures, ProcessFigures, TransportFigures } from "./api/metrics.ts";
import { SERVICES } from "./api/proto/services.ts";
import type { MethodCounters, TransportCounters } from "./transport/counters.ts";

/** The process, as /metrics shows it. Where the system does not tell, a figure is 0. */
export function processFigures(): ProcessFigures {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed, heapTotal } = process.memoryUsage();
  return {
    commandLine: process.argv,
    heap: { usedBytes: heapUsed, totalBytes: heapTotal },
    runtime: `node${process.versions.node}`,
    residentBytes: rss,
    cpuSeconds: (user + system) / 1e6,
    startTimeSeconds: performance.timeOrigin / 1000,
    openFiles: existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0,
    openFilesMax: openFilesMax(),
  };
}

type MethodCounts = Pick<
  MethodCounters,
  "started" | "messagesReceived" | "messagesSent" | "handled"
>;

/** What all listeners together have counted, and the gateway, whose calls come through them. */
export function transportFigures(
  listeners: readonly { readonly counters: TransportCounters }[],
  gateway: ReadonlyMap<string, MethodCounts>,
): TransportFigures {
  const methods = new Map<string, MethodFigures>();
  let bytesReceived = 0;
  let bytesSent = 0;
  for (const { counters } of listeners) {
    bytesReceived += counters.bytesReceived;
    bytesSent += counters.bytesSent;
  }
  for (const counts of [...listeners.map((listener) => listener.counters.methods), gateway]) {
    for (const [path, counted] of counts) {
      const { started, messagesReceived, messagesSent } = counted;
      const before = methods.get(path);
      methods.set(path, {
        path,
        type: typeOf(path),
        started: started + (before?.started ?? 0),
        messagesReceived: messagesReceived + (before?.messagesReceived ?? 0),
        messagesSent: messagesSent + (before?.messagesSent ?? 0),
        handledByCode: counted.handled.map((count, i) => count + (before?.handledByCode[i] ?? 0)),
      });
    }
  }
  return { bytesReceived, bytesSent, methods: [...methods.values()] };
}

const STREAM_TYPES: ReadonlyMap<string, MethodFigures["type"]> = new Map(
  SERVICES.flatMap((service) => service.methods)
    .filter((method) => method.isResponseStream)
    .map((method) => [method.path, method.isRequestStream ? "bidi_stream" : "server_stream"]),
);

function typeOf(path: string): MethodFigures["type"] {
  return STREAM_TYPES.get(path) ?? "unary";
}

function openFilesMax(): number {
  if (!existsSync("/proc/self/limits")) return 0;
  const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  return Number(line?.[1] ?? 0);
}
