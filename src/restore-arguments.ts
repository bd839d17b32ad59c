import { idText } from "./api/member-ids.ts";
import { FlagError, parseBoolean } from "./flag-values.ts";
import { parseAdvertisedUrls } from "./listen-url.ts";

/** What `vedette restore` was asked for. */
export interface RestoreOptions {
  /** The snapshot. */
  readonly file: string;
  /** The data folder to make. */
  readonly dataDir: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clusterToken: string;
  readonly skipHashCheck: boolean;
}

/** What has been restored, for people. */
export interface Restored {
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly revision: number;
  /** -1 = none. */
  readonly compacted: number;
  /** Keys that are alive. */
  readonly keys: number;
  /** Versions that were stored, those that the compaction has still to remove included. */
  readonly versions: number;
  readonly leases: number;
  readonly alarms: number;
  readonly hasAuth: boolean;
}

export const RESTORE_USAGE: string = `Usage: vedette restore FILE [flags]

Makes a data folder from a snapshot: one that \`etcdctl snapshot save\` took from an etcd of 3.4 or
later or from vedette, or a copied member/snap/db of an etcd that had been stopped.

  --data-dir DIR                      the folder to make (NAME.vedette)
  --name NAME                         name of the member (default)
  --initial-advertise-peer-urls URLS  make, with the token, the ids (http://localhost:2380)
  --initial-cluster-token TOKEN       makes, with the peer URLs, the ids (etcd-cluster)
  --initial-cluster NAME=URL          may be given; must name this member and no other
  --skip-hash-check                   take a file that does not end with its own hash
`;

const TEXT_FLAGS: readonly string[] = [
  "data-dir",
  "name",
  "initial-advertise-peer-urls",
  "initial-cluster-token",
  "initial-cluster",
];

/**
 * Flags as etcdutl's `snapshot restore` has them, before or behind the file; undefined = help is
 * wanted.
 * @throws FlagError with one line that says what is wrong
 */
export function parseRestoreArguments(args: readonly string[]): RestoreOptions | undefined {
  const given = new Map<string, string>();
  const files: string[] = [];
  let skipHashCheck = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (!arg.startsWith("-")) {
      files.push(arg);
      continue;
    }
    const [, name = "", value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === "help" || name === "h") return undefined;
    if (name === "skip-hash-check") skipHashCheck = booleanOf(value ?? "true");
    else if (!TEXT_FLAGS.includes(name)) {
      throw new FlagError(`vedette restore: no such flag: ${arg}`);
    } else {
      const text = value ?? args[++i];
      if (text === undefined) throw new FlagError(`vedette restore: --${name} needs a value`);
      given.set(name, text);
    }
  }
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new FlagError("vedette restore: it takes one file, the snapshot");
  }
  const name = given.get("name") ?? "default";
  checkCluster(given.get("initial-cluster"), name);
  const urlsFlag = "initial-advertise-peer-urls";
  return {
    file,
    dataDir: given.get("data-dir") ?? `${name}.vedette`,
    name,
    peerUrls: parseAdvertisedUrls(urlsFlag, given.get(urlsFlag) ?? "http://localhost:2380"),
    clusterToken: given.get("initial-cluster-token") ?? "etcd-cluster",
    skipHashCheck,
  };
}

function booleanOf(text: string): boolean {
  const value = parseBoolean(text);
  if (value === undefined) {
    throw new FlagError(`vedette restore: --skip-hash-check is true or false, not ${text}`);
  }
  return value;
}

function checkCluster(cluster: string | undefined, name: string): void {
  if (cluster === undefined) return;
  const names = new Set(cluster.split(",").map((member) => member.split("=")[0]?.trim()));
  if (!names.has(name) || names.size > 1) {
    throw new FlagError(`vedette restore: --initial-cluster must name ${name} and no other member`);
  }
}

/** A line on what was done. */
export function restoredText({ file, dataDir }: RestoreOptions, restored: Restored): string {
  const { revision, compacted, keys, versions, leases, alarms, hasAuth } = restored;
  const parts = [
    `revision ${revision}`,
    compacted < 0 ? "never compacted" : `compacted at ${compacted}`,
    `${keys} keys`,
    `${versions} versions`,
    `${leases} leases`,
    `${alarms} alarms`,
    `auth ${hasAuth ? "enabled" : "disabled"}`,
  ];
  const ids = `member ${idText(restored.memberId)} of cluster ${idText(restored.clusterId)}`;
  return `restored ${file} into ${dataDir}: ${parts.join(", ")}; ${ids}\n`;
}
