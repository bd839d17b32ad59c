import type { AutoCompactionOptions } from "./replica/auto-compaction.ts";
import type { LogLevel } from "./logger.ts";
import type { ServerOptions } from "./server-options.ts";
import { checkFlag, UINT32_MAX } from "./flag.ts";
import { collectFlags, flagNamed, type FlagSources } from "./flag-sources.ts";
import { QUOTA_BYTES_DEFAULT } from "./base/limits.ts";
import { FlagError, parseBoolean, parseDurationMs, parseWhole } from "./flag-values.ts";
import { type ListenUrl, parseAdvertisedUrls, parseListenUrls } from "./listen-url.ts";
import { parseTlsFlags } from "./tls-options.ts";

export type ParsedFlags =
  | { readonly kind: "serve"; readonly options: ServerOptions; readonly remarks: Remarks }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** What is worth a line in the log: nothing here is an error. */
export interface Remarks {
  /** Flags that were given and have no effect. */
  readonly idleFlags: readonly string[];
  readonly warnings: readonly string[];
  /** The file that said all this; undefined = flags and the environment did. */
  readonly configFile: string | undefined;
}

const AUTH_TOKEN_TTL_DEFAULT_SECONDS = 300;
const PROGRESS_INTERVAL_DEFAULT_MS: number = 10 * 60 * 1000;
const PROGRESS_INTERVAL_LEAST_MS = 100;
const ELECTION_TIMEOUT_MOST_MS = 50_000;
/** etcd suggests no larger quota (O6n). */
const QUOTA_BYTES_WISE = 8 * 1024 ** 3;
/** etcd warns above this too. */
const REQUEST_BYTES_WISE: number = 10 * 1024 * 1024;
const HOUR_MS: number = 60 * 60 * 1000;

/**
 * Reads what was said by flags, by the environment or by a configuration file, as etcd does (F1).
 * @throws FlagError with one line that says what is wrong
 */
export function parseFlags(sources: FlagSources): ParsedFlags {
  const collected = collectFlags(sources);
  if (collected.kind !== "serve") return collected;
  const { given, configFile, warnings } = collected;
  for (const [name, value] of given) checkFlag(flagNamed(name), value);
  const idleFlags = [...given.keys()].filter((name) => flagNamed(name).isIdle);
  // In a file, as in etcd, the advertised URLs have their default whatever is listened on.
  if (configFile === undefined) checkAdvertised(given);
  const options = toOptions(given, sources.dataDirSuffix, warnings);
  return { kind: "serve", options, remarks: { idleFlags, warnings, configFile } };
}

function checkAdvertised(given: ReadonlyMap<string, string>): void {
  if (!given.has("listen-client-urls") || given.has("advertise-client-urls")) return;
  throw new FlagError(
    "--advertise-client-urls is required when --listen-client-urls is set explicitly",
  );
}

function toOptions(
  given: ReadonlyMap<string, string>,
  dataDirSuffix: string,
  warnings: string[],
): ServerOptions {
  const value = (name: string): string => given.get(name) ?? flagNamed(name).preset;
  const duration = (name: string): number => parseDurationMs(value(name)) ?? 0;
  const whole = (name: string): number => parseWhole(value(name), 0, Number.MAX_VALUE) ?? 0;
  checkTicks(whole("heartbeat-interval"), whole("election-timeout"));
  checkInitialCluster(given, value("name"));
  const isInMemory = parseBoolean(value("in-memory")) === true;
  const dataDir =
    value("data-dir") === "" ? `${value("name")}.${dataDirSuffix}` : value("data-dir");
  const maxRequestBytes = whole("max-request-bytes");
  if (maxRequestBytes > REQUEST_BYTES_WISE) {
    warnings.push(`--max-request-bytes ${maxRequestBytes} is more than 10 MiB, the wise most`);
  }
  return {
    name: value("name"),
    dataDir: isInMemory ? undefined : dataDir,
    listenClientUrls: listenUrls("listen-client-urls", value),
    listenClientHttpUrls: listenUrls("listen-client-http-urls", value),
    advertiseClientUrls: advertisedUrls("advertise-client-urls", value),
    listenMetricsUrls: listenUrls("listen-metrics-urls", value),
    initialAdvertisePeerUrls: advertisedUrls("initial-advertise-peer-urls", value),
    initialClusterToken: value("initial-cluster-token"),
    heartbeatIntervalMs: whole("heartbeat-interval"),
    electionTimeoutMs: whole("election-timeout"),
    maxRequestBytes,
    maxTxnOps: whole("max-txn-ops"),
    quotaBytes: quotaBytes(value("quota-backend-bytes"), warnings),
    // 0 is no limit to Go's server.
    maxConcurrentStreams: whole("max-concurrent-streams") || UINT32_MAX,
    keepaliveMinTimeMs: duration("grpc-keepalive-min-time"),
    keepaliveIntervalMs: duration("grpc-keepalive-interval"),
    keepaliveTimeoutMs: duration("grpc-keepalive-timeout"),
    watchProgressNotifyIntervalMs: progressInterval(
      duration("watch-progress-notify-interval"),
      warnings,
    ),
    autoCompaction: autoCompaction(
      value("auto-compaction-mode"),
      value("auto-compaction-retention"),
    ),
    tls: parseTlsFlags(value),
    corsOrigins: names(value("cors")),
    hostWhitelist: names(value("host-whitelist")),
    enableGrpcGateway: parseBoolean(value("enable-grpc-gateway")) === true,
    auth: {
      token: value("auth-token"),
      tokenTtlMs: (whole("auth-token-ttl") || AUTH_TOKEN_TTL_DEFAULT_SECONDS) * 1000,
      bcryptCost: whole("bcrypt-cost"),
    },
    logLevel: value("log-level") as LogLevel,
    logFormat: value("log-format") === "console" ? "console" : "json",
    logOutputs: value("log-outputs").split(","),
  };
}

/** An empty list is as good as none: what is not given has its default, which may be empty too. */
function listenUrls(name: string, value: (name: string) => string): ListenUrl[] {
  const text = value(name) || flagNamed(name).preset;
  return text === "" ? [] : parseListenUrls(name, text);
}

function advertisedUrls(name: string, value: (name: string) => string): string[] {
  const text = value(name) || flagNamed(name).preset;
  return text === "" ? [] : parseAdvertisedUrls(name, text);
}

/** The members of a list with commas. */
function names(list: string): string[] {
  return list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function checkTicks(heartbeatMs: number, electionMs: number): void {
  if (electionMs > ELECTION_TIMEOUT_MOST_MS) {
    throw new FlagError(`--election-timeout[${electionMs}ms] is too long, at most 50000ms`);
  }
  if (electionMs < 5 * heartbeatMs) {
    throw new FlagError(
      `--election-timeout[${electionMs}ms] should be at least as 5 times as ` +
        `--heartbeat-interval[${heartbeatMs}ms]`,
    );
  }
}

/** One member: what --initial-cluster says must be a list that names it. */
function checkInitialCluster(given: ReadonlyMap<string, string>, name: string): void {
  const cluster = given.get("initial-cluster");
  if (cluster === undefined || cluster === "") return;
  const names = cluster.split(",").map((member) => member.split("=")[0]?.trim());
  if (!names.includes(name)) {
    throw new FlagError(`couldn't find local name "${name}" in the initial cluster configuration`);
  }
  if (new Set(names).size > 1) {
    throw new FlagError("--initial-cluster names several members, and this server runs alone");
  }
}

function progressInterval(ms: number, warnings: string[]): number {
  if (ms === 0) return PROGRESS_INTERVAL_DEFAULT_MS;
  if (ms >= PROGRESS_INTERVAL_LEAST_MS) return ms;
  warnings.push("--watch-progress-notify-interval is too short, set to its minimum of 100ms");
  return PROGRESS_INTERVAL_LEAST_MS;
}

/** M20: etcd's default for 0, and any number of bytes below it. */
function quotaBytes(given: string, warnings: string[]): number {
  const bytes = parseWhole(given, -Number.MAX_VALUE, Number.MAX_VALUE) ?? 0;
  if (bytes > QUOTA_BYTES_WISE) {
    warnings.push(`--quota-backend-bytes ${bytes} is more than 8 GiB, the suggested most`);
  }
  return bytes === 0 ? QUOTA_BYTES_DEFAULT : bytes;
}

/** K66: a bare number counts hours in periodic mode, revisions in revision mode. */
function autoCompaction(mode: string, retention: string): AutoCompactionOptions {
  const isNumber = /^\d+$/.test(retention);
  if (isNumber && Number(retention) === 0) return { mode: "off" };
  if (mode === "revision") {
    if (isNumber) return { mode: "revision", retention: Number(retention) };
  } else {
    const ms = isNumber ? Number(retention) * HOUR_MS : parseDurationMs(retention);
    if (ms === 0) return { mode: "off" };
    if (ms !== undefined && ms > 0) return { mode: "periodic", retentionMs: ms };
  }
  throw new FlagError(`--auto-compaction-retention: "${retention}" does not fit mode ${mode}`);
}
