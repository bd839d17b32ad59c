/** What one RPC method has done so far. */
export interface MethodCounters {
  readonly service: string;
  readonly method: string;
  readonly kind: "unary" | "stream";
  /** Calls begun. */
  started: number;
  messagesReceived: number;
  messagesSent: number;
  /** Calls ended, by gRPC code 0 to 16. */
  readonly handled: number[];
}

/** Plain numbers that only grow, but for the two that say what is open now. */
export interface TransportCounters {
  bytesReceived: number;
  bytesSent: number;
  connectionsAccepted: number;
  connectionsOpen: number;
  streamsOpened: number;
  streamsOpen: number;
  /** Connections that were closed because their client broke a rule or a limit. */
  connectionsFailed: number;
  /** By path, for example `/etcdserverpb.KV/Put`. */
  readonly methods: ReadonlyMap<string, MethodCounters>;
}
