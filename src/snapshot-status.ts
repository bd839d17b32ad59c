import { closeSync, openSync } from "node:fs";
import { latin1Text } from "./base/bytes.ts";
import { crc32c } from "./base/crc32c.ts";
import { FlagError } from "./flag-values.ts";
import { parseRecordKey } from "./mvcc/record-key.ts";
import { KEY_BUCKET } from "./replica/etcd-buckets.ts";
import { openSnapshot } from "./snapshot-file.ts";
import { BoltReader } from "./storage/bolt/reader.ts";

/** What `etcdutl snapshot status` says of a file. */
export interface SnapshotStatus {
  /** CRC-32C over the names of the buckets and all their keys and values. */
  readonly hash: number;
  readonly revision: number;
  /** Entries of all buckets. */
  readonly totalKey: number;
  readonly totalSize: number;
}

type StatusFormat = "simple" | "json" | "table";

export interface StatusOptions {
  readonly file: string;
  readonly format: StatusFormat;
}

export const STATUS_USAGE: string = `Usage: vedette snapshot status FILE [-w simple|json|table]

Reads a whole snapshot, checks it and the hash that it ends with, and says what etcdutl's
\`snapshot status\` says: hash, revision, number of keys in all buckets, size.
`;

/** @throws FlagError with one line that says what is wrong; undefined = help is wanted */
export function parseStatusArguments(args: readonly string[]): StatusOptions | undefined {
  const files: string[] = [];
  let format = "simple";
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const [, name, value] = /^--?([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) files.push(arg);
    else if (name === "help" || name === "h") return undefined;
    else if (name === "w" || name === "write-out") format = value ?? args[++i] ?? "";
    else throw new FlagError(`vedette snapshot status: no such flag: ${arg}`);
  }
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw new FlagError("vedette snapshot status: it takes one file, the snapshot");
  }
  if (format !== "simple" && format !== "json" && format !== "table") {
    throw new FlagError("vedette snapshot status: --write-out is simple, json or table");
  }
  return { file, format };
}

/**
 * Reads all of a snapshot. A file that does not end with its hash is read as well, as by etcdutl.
 * @throws RestoreError, BoltError
 */
export function snapshotStatus({ file }: StatusOptions): SnapshotStatus {
  const descriptor = openSync(file, "r");
  try {
    const { source, hasHash, checkHash } = openSnapshot(descriptor, file);
    if (hasHash) checkHash();
    const reader = new BoltReader(source);
    let hash = 0;
    let revision = 0;
    let totalKey = 0;
    for (const name of reader.buckets()) {
      hash = crc32c(name, hash);
      const isKeys = latin1Text(name, 0, name.length) === KEY_BUCKET;
      for (const { key, value } of reader.entries(name)) {
        hash = crc32c(value, crc32c(key, hash));
        totalKey++;
        if (isKeys) revision = parseRecordKey(key)?.main ?? revision;
      }
    }
    const { pageLimit, pageBytes } = reader.meta;
    return { hash, revision, totalKey, totalSize: pageLimit * pageBytes };
  } finally {
    closeSync(descriptor);
  }
}

export function statusText({ format }: StatusOptions, status: SnapshotStatus): string {
  if (format === "json") return `${JSON.stringify(status)}\n`;
  const { hash, revision, totalKey, totalSize } = status;
  const row = [hash.toString(16), String(revision), String(totalKey), sizeText(totalSize)];
  if (format === "simple") return `${row.join(", ")}\n`;
  return tableText(["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"], row);
}

function tableText(names: readonly string[], row: readonly string[]): string {
  const widths = names.map((name, i) => Math.max(name.length, row[i]?.length ?? 0));
  const rule = `+${widths.map((width) => "-".repeat(width + 2)).join("+")}+`;
  const line = (cells: readonly string[]): string =>
    `|${cells.map((cell, i) => ` ${cell.padStart(widths[i] ?? 0)} `).join("|")}|`;
  const heads = names.map((name, i) => {
    const gap = (widths[i] ?? 0) - name.length;
    return `${name}${" ".repeat(Math.ceil(gap / 2))}`;
  });
  return `${[rule, line(heads), rule, line(row), rule].join("\n")}\n`;
}

/** Sizes as etcd's tools show them: thousands, one digit below ten. */
function sizeText(bytes: number): string {
  let value = bytes;
  let unit = "B";
  for (const larger of ["kB", "MB", "GB", "TB"]) {
    if (value < 1000) break;
    value /= 1000;
    unit = larger;
  }
  const digits = unit !== "B" && value < 10 ? 10 : 1;
  const rounded = Math.floor(value * digits + 0.5) / digits;
  return `${digits === 10 ? rounded.toFixed(1) : rounded} ${unit}`;
}
