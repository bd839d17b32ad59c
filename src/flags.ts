import type { AutoCompactionOptions } from "./replica/auto-compaction.ts";
import type { LogLevel } from "./logger.ts";
import type { ServerOptions } from "./server-options.ts";
import { checkFlag, FLAGS, type Flag } from "./flag-table.ts";
import { FlagError, nearest, parseBoolean, parseDurationMs, parseUrls } from "./flag-values.ts";

export type ParsedFlags =
  | { readonly kind: "serve"; readonly options: ServerOptions; readonly remarks: Remarks }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

/** What is worth a line in the log: nothing here is an error. */
export interface Remarks {
  /** Flags that were given and have no effect. */
  readonly idleFlags: readonly string[];
  readonly warnings: readonly string[];
}

export interface FlagSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The default data folder is `<name>.<this>`. */
  readonly dataDirSuffix: string;
}

const PROGRESS_INTERVAL_DEFAULT_MS: number = 10 * 60 * 1000;
const PROGRESS_INTERVAL_LEAST_MS = 100;
const ELECTION_TIMEOUT_MOST_MS = 50_000;
const HOUR_MS: number = 60 * 60 * 1000;
const BY_NAME: ReadonlyMap<string, Flag> = new Map(FLAGS.map((flag) => [flag.name, flag]));

/**
 * Reads flags in Go's syntax (`-x v`, `--x v`, `--x=v`, booleans as `--b` or `--b=false`) and the
 * environment (`ETCD_DATA_DIR`; a flag wins), as etcd does (F1).
 * @throws FlagError with one line that says what is wrong
 */
export function parseFlags(sources: FlagSources): ParsedFlags {
  const given = new Map<string, string>();
  const warnings: string[] = [];
  readEnvironment(sources.environment, given, warnings);
  const special = readArguments(sources.args, given);
  if (special !== undefined) return { kind: special };
  for (const [name, value] of given) checkFlag(flagNamed(name), value);
  const idleFlags = [...given.keys()].filter((name) => flagNamed(name).isIdle);
  for (const [name, value] of given) {
    const { aliasOf } = flagNamed(name);
    if (aliasOf === undefined) continue;
    warnings.push(`--${name} is an older name of --${aliasOf}`);
    if (!given.has(aliasOf)) given.set(aliasOf, value);
  }
  const options = toOptions(given, sources.dataDirSuffix, warnings);
  return { kind: "serve", options, remarks: { idleFlags, warnings } };
}

function flagNamed(name: string): Flag {
  const flag = BY_NAME.get(name);
  if (flag !== undefined) return flag;
  const near = nearest(name, BY_NAME.keys());
  const hint = near === undefined ? "" : ` (did you mean -${near}?)`;
  throw new FlagError(`flag provided but not defined: -${name}${hint}`);
}

function readEnvironment(
  environment: FlagSources["environment"],
  given: Map<string, string>,
  warnings: string[],
): void {
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("ETCD_") || value === undefined) continue;
    const name = variable.slice("ETCD_".length).toLowerCase().replaceAll("_", "-");
    if (!BY_NAME.has(name)) warnings.push(`unrecognized environment variable ${variable}`);
    else if (value !== "") given.set(name, value);
  }
}

function readArguments(
  args: readonly string[],
  given: Map<string, string>,
): "help" | "version" | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (arg === "--" && i === args.length - 1) break;
    if (match === null) throw new FlagError(`'${arg}' is not a valid flag`);
    const [, name, value] = match as unknown as [string, string, string | undefined];
    if (name === "help" || name === "h") return "help";
    if (name === "version") return "version";
    const flag = flagNamed(name);
    if (value !== undefined) given.set(name, value);
    else if (flag.kind.kind === "boolean") given.set(name, "true");
    else {
      const next = args[++i];
      if (next === undefined) throw new FlagError(`flag needs an argument: -${name}`);
      given.set(name, next);
    }
  }
  return undefined;
}

function toOptions(
  given: ReadonlyMap<string, string>,
  dataDirSuffix: string,
  warnings: string[],
): ServerOptions {
  const value = (name: string): string => given.get(name) ?? flagNamed(name).preset;
  const duration = (name: string): number => parseDurationMs(value(name)) ?? 0;
  checkTicks(Number(value("heartbeat-interval")), Number(value("election-timeout")));
  if (given.has("listen-client-urls") && !given.has("advertise-client-urls")) {
    throw new FlagError("--advertise-client-urls is required when --listen-client-urls is set");
  }
  const listenClientUrls = parseUrls("listen-client-urls", value("listen-client-urls"));
  for (const url of listenClientUrls) checkListenUrl("listen-client-urls", url);
  const isInMemory = parseBoolean(value("in-memory")) === true;
  const dataDir =
    value("data-dir") === "" ? `${value("name")}.${dataDirSuffix}` : value("data-dir");
  const peerUrls = parseUrls("initial-advertise-peer-urls", value("initial-advertise-peer-urls"));
  checkInitialCluster(given, value("name"));
  return {
    name: value("name"),
    dataDir: isInMemory ? undefined : dataDir,
    listenClientUrls,
    advertiseClientUrls: advertised(value("advertise-client-urls")),
    initialAdvertisePeerUrls: peerUrls.map((url) => url.origin),
    initialClusterToken: value("initial-cluster-token"),
    maxRequestBytes: Number(value("max-request-bytes")),
    maxTxnOps: Number(value("max-txn-ops")),
    maxConcurrentStreams: Number(value("max-concurrent-streams")),
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
    logLevel: value("log-level") as LogLevel,
  };
}

function advertised(text: string): string[] {
  if (text === "") return [];
  return parseUrls("advertise-client-urls", text).map((url) => url.origin);
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

/** A listener binds an address, not a name. */
function checkListenUrl(flag: string, url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = /^[\d.]+$/.test(host) || host.includes(":") || host === "localhost";
  if (!isAddress) throw new FlagError(`--${flag}: expected IP in URL for binding (${url.origin})`);
  if (url.protocol === "https:") {
    throw new FlagError(`--${flag}: https is not supported yet: ${url.origin}`);
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
