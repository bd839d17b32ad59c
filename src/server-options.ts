import type { ListenUrl } from "./listen-url.ts";
import type { LogFormat, LogLevel } from "./logger.ts";
import type { AutoCompactionOptions } from "./replica/auto-compaction.ts";
import type { AuthOptions } from "./open-auth.ts";
import type { TlsFlags } from "./tls-options.ts";

/** Everything that a server can be told, with etcd's names; flags and embedders fill it in. */
export interface ServerOptions {
  readonly name: string;
  /** Undefined = in memory only. */
  readonly dataDir: string | undefined;
  readonly listenClientUrls: readonly ListenUrl[];
  /** For HTTP only; when there are some, `listenClientUrls` are for gRPC only. */
  readonly listenClientHttpUrls: readonly ListenUrl[];
  readonly advertiseClientUrls: readonly string[];
  /** More places that serve /metrics, /health and /version, and no gRPC. */
  readonly listenMetricsUrls: readonly ListenUrl[];
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialClusterToken: string;
  readonly heartbeatIntervalMs: number;
  readonly electionTimeoutMs: number;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  /** Bytes that the store may have; negative = any number. */
  readonly quotaBytes: number;
  readonly maxConcurrentStreams: number;
  readonly keepaliveMinTimeMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly watchProgressNotifyIntervalMs: number;
  readonly autoCompaction: AutoCompactionOptions;
  readonly tls: TlsFlags;
  /** Origins of browsers' pages that may ask over HTTP; `*` = all (G10). */
  readonly corsOrigins: readonly string[];
  /** Names that HTTP without TLS may call this server by; `*` = any (G11). */
  readonly hostWhitelist: readonly string[];
  readonly enableGrpcGateway: boolean;
  readonly auth: AuthOptions;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** `default` and `stderr`, `stdout`, or files to append to. */
  readonly logOutputs: readonly string[];
}
