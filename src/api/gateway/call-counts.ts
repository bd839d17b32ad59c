import type { GrpcCode } from "../../base/errors.ts";
import type { MethodTable } from "../call.ts";

/** What the calls of one method through the gateway have done so far, as on the gRPC port (G14). */
export interface CallCounts {
  started: number;
  messagesReceived: number;
  messagesSent: number;
  /** Calls ended, by gRPC code 0 to 16. */
  readonly handled: number[];
}

export function newCallCounts(methods: MethodTable): ReadonlyMap<string, CallCounts> {
  const counts = new Map<string, CallCounts>();
  for (const path of methods.keys()) {
    const handled = new Array<number>(17).fill(0);
    counts.set(path, { started: 0, messagesReceived: 0, messagesSent: 0, handled });
  }
  return counts;
}

export function countHandled(counts: CallCounts, code: GrpcCode): void {
  counts.handled[code] = (counts.handled[code] ?? 0) + 1;
}
