import { MAX_REQUEST_BYTES_DEFAULT, MAX_TXN_OPS_DEFAULT } from "./base/limits.ts";
import { FlagError, parseBoolean, parseDurationMs, parseWhole } from "./flag-values.ts";
import { parseAdvertisedUrls } from "./listen-url.ts";

/** How the text of a flag is read; each checks it and throws FlagError when it is wrong. */
export type FlagKind =
  | { readonly kind: "text"; readonly oneOf?: readonly string[] }
  | { readonly kind: "boolean" }
  | { readonly kind: "whole"; readonly least: number; readonly most: number }
  | { readonly kind: "duration" }
  | { readonly kind: "urls" };

export interface Flag {
  readonly name: string;
  readonly kind: FlagKind;
  readonly preset: string;
  /** For --help. */
  readonly about: string;
  /** Accepted and checked, but without meaning on one member of our kind. */
  readonly isIdle: boolean;
  /** An older name of another flag. */
  readonly aliasOf?: string;
}

const UINT32_MAX = 2 ** 32 - 1;
const INT32_MAX = 2 ** 31 - 1;
const INT64_MAX = 2 ** 63;
const CLIENT_URL = "http://127.0.0.1:2379";
const PEER_URL = "http://localhost:2380";

const text: FlagKind = { kind: "text" };
const urls: FlagKind = { kind: "urls" };
const duration: FlagKind = { kind: "duration" };
const boolean: FlagKind = { kind: "boolean" };

/** etcd's flags (F1, F2) and ours, in the order of --help. */
export const FLAGS: readonly Flag[] = [
  used("name", text, "default", "name of this member"),
  used("data-dir", text, "", "folder that holds the data"),
  used("in-memory", boolean, "false", "keep everything in memory only; not a flag of etcd"),
  used("listen-client-urls", urls, CLIENT_URL, "where to listen for clients"),
  used("advertise-client-urls", urls, "", "client URLs to tell others"),
  used("listen-metrics-urls", urls, "", "where to serve /metrics and /health as well"),
  used("initial-advertise-peer-urls", urls, PEER_URL, "makes, with the token, the member's id"),
  used("initial-cluster-token", text, "etcd-cluster", "makes, with the peer URLs, the ids"),
  used("initial-cluster", text, "", "members of a new cluster: this one"),
  used("initial-cluster-state", oneOf("new", "existing"), "new", "whether the cluster is new"),
  used(
    "max-request-bytes",
    whole(1, INT32_MAX),
    String(MAX_REQUEST_BYTES_DEFAULT),
    "largest request, in bytes",
  ),
  used(
    "max-txn-ops",
    whole(1, UINT32_MAX),
    String(MAX_TXN_OPS_DEFAULT),
    "most operations in a list of a txn",
  ),
  used(
    "quota-backend-bytes",
    whole(-INT64_MAX, INT64_MAX),
    "0",
    "bytes that the store may have; 0 = 2 GiB, negative = any number",
  ),
  used("max-concurrent-streams", whole(1, UINT32_MAX), "4294967295", "most calls a connection"),
  used("grpc-keepalive-min-time", duration, "5s", "shortest time between a client's pings"),
  used("grpc-keepalive-interval", duration, "2h", "time between our pings; 0 = none"),
  used("grpc-keepalive-timeout", duration, "20s", "wait for the answer to a ping"),
  used("watch-progress-notify-interval", duration, "0s", "time between progress notes; 0 = 10m"),
  used("auto-compaction-mode", oneOf("periodic", "revision"), "periodic", "what retention counts"),
  used("auto-compaction-retention", text, "0", "history to keep; 0 = all"),
  used(
    "log-level",
    oneOf("debug", "info", "warn", "error", "panic", "fatal"),
    "info",
    "least important lines to log",
  ),
  used("log-outputs", text, "default", "where to log: stderr, stdout, files, parted by commas"),
  used("log-format", oneOf("json", "console"), "json", "form of a log line outside of a terminal"),
  idle("wal-dir", text, ""),
  idle("listen-peer-urls", urls, PEER_URL),
  idle("heartbeat-interval", whole(1, INT32_MAX), "100"),
  idle("election-timeout", whole(1, INT32_MAX), "1000"),
  idle("initial-election-tick-advance", boolean, "true"),
  idle("pre-vote", boolean, "true"),
  idle("strict-reconfig-check", boolean, "true"),
  idle("force-new-cluster", boolean, "false"),
  idle("unsafe-no-fsync", boolean, "false"),
  idle("snapshot-count", whole(0, 2 * INT64_MAX), "10000"),
  idle("max-snapshots", whole(0, UINT32_MAX), "5"),
  idle("max-wals", whole(0, UINT32_MAX), "5"),
  idle("logger", oneOf("zap"), "zap"),
  idle("metrics", oneOf("basic", "extensive"), "basic"),
  idle("enable-v2", boolean, "false"),
  idle("enable-pprof", boolean, "false"),
  {
    ...used("experimental-watch-progress-notify-interval", duration, "0s", ""),
    aliasOf: "watch-progress-notify-interval",
  },
];

/**
 * Checks the text of a flag by its kind.
 * @throws FlagError
 */
export function checkFlag({ name, kind }: Flag, given: string): void {
  switch (kind.kind) {
    case "text":
      if (kind.oneOf !== undefined && !kind.oneOf.includes(given)) {
        throw new FlagError(`--${name}: "${given}" is none of ${kind.oneOf.join(", ")}`);
      }
      return;
    case "boolean":
      if (parseBoolean(given) === undefined) {
        throw new FlagError(`invalid boolean value "${given}" for -${name}`);
      }
      return;
    case "whole":
      if (parseWhole(given, kind.least, kind.most) === undefined) {
        throw new FlagError(`invalid value "${given}" for flag -${name}`);
      }
      return;
    case "duration": {
      const ms = parseDurationMs(given);
      if (ms === undefined || ms < 0) {
        throw new FlagError(`invalid value "${given}" for flag -${name}: a duration is like 5m30s`);
      }
      return;
    }
    case "urls":
      if (given !== "") parseAdvertisedUrls(name, given);
  }
}

function used(name: string, kind: FlagKind, preset: string, about: string): Flag {
  return { name, kind, preset, about, isIdle: false };
}

function idle(name: string, kind: FlagKind, preset: string): Flag {
  const about = "accepted for etcd's sake, without effect on a single member";
  return { name, kind, preset, about, isIdle: true };
}

function whole(least: number, most: number): FlagKind {
  return { kind: "whole", least, most };
}

function oneOf(...names: readonly string[]): FlagKind {
  return { kind: "text", oneOf: names };
}
