import { readFileSync } from "node:fs";
import { isMap, isPair, isScalar, isSeq, parseDocument } from "yaml";
import type { Flag } from "./flag.ts";
import { FlagError } from "./flag-values.ts";

/** What a configuration file says, as flags would. */
export interface ConfigFile {
  /** The text of each flag that has a value, by its name. */
  readonly values: ReadonlyMap<string, string>;
  /** Keys that mean nothing. */
  readonly unknownKeys: readonly string[];
}

/**
 * Groups of keys, and the flags that they stand for. Source: etcd server/embed config.go
 * securityConfig.
 */
const GROUPS: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  [
    "client-transport-security",
    new Map([
      ["cert-file", "cert-file"],
      ["key-file", "key-file"],
      ["client-cert-file", "client-cert-file"],
      ["client-key-file", "client-key-file"],
      ["client-cert-auth", "client-cert-auth"],
      ["trusted-ca-file", "trusted-ca-file"],
      ["auto-tls", "auto-tls"],
      ["allowed-cn", "client-cert-allowed-cn"],
      ["allowed-hostname", "client-cert-allowed-hostname"],
    ]),
  ],
  [
    "peer-transport-security",
    new Map([
      ["cert-file", "peer-cert-file"],
      ["key-file", "peer-key-file"],
      ["client-cert-file", "peer-client-cert-file"],
      ["client-key-file", "peer-client-key-file"],
      ["client-cert-auth", "peer-client-cert-auth"],
      ["trusted-ca-file", "peer-trusted-ca-file"],
      ["auto-tls", "peer-auto-tls"],
      ["allowed-cn", "peer-cert-allowed-cn"],
      ["allowed-hostname", "peer-cert-allowed-hostname"],
      ["skip-client-san-verification", "peer-skip-client-san-verification"],
    ]),
  ],
]);

/**
 * Reads etcd's configuration file, in YAML: keys are names of flags, and those of TLS stand in
 * groups (F1). Durations are numbers of nanoseconds, as etcd has them, or in Go's form; lists are
 * lists or texts with commas.
 * @throws FlagError when it cannot be read or is no such file
 */
export function readConfigFile(path: string, flags: ReadonlyMap<string, Flag>): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FlagError(`--config-file: ${reason}`);
  }
  return parseConfigFile(text, flags);
}

/** @throws FlagError */
export function parseConfigFile(text: string, flags: ReadonlyMap<string, Flag>): ConfigFile {
  const document = parseDocument(text, { schema: "core", intAsBigInt: true });
  const [fault] = document.errors;
  if (fault !== undefined) throw new FlagError(`--config-file: ${firstLine(fault.message)}`);
  const values = new Map<string, string>();
  const unknownKeys: string[] = [];
  const set = (key: string, name: string | undefined, node: unknown): void => {
    const flag = name === undefined ? undefined : flags.get(name);
    if (flag === undefined || name === "config-file") unknownKeys.push(key);
    else {
      const value = textOf(key, flag, node);
      if (value !== "") values.set(flag.name, value);
    }
  };
  for (const { key, node } of entriesOf("the file", document.contents)) {
    const group = GROUPS.get(key);
    if (group === undefined) set(key, key, node);
    else {
      for (const inner of entriesOf(key, node)) {
        set(`${key}.${inner.key}`, group.get(inner.key), inner.node);
      }
    }
  }
  return { values, unknownKeys };
}

/** The entries of a map; nothing at all is an empty one. */
function entriesOf(what: string, node: unknown): { key: string; node: unknown }[] {
  if (node === null || (isScalar(node) && node.value === null)) return [];
  if (!isMap(node)) throw new FlagError(`--config-file: invalid ${what}: it is no map`);
  return node.items.map((pair) => {
    if (!isPair(pair) || !isScalar(pair.key)) {
      throw new FlagError(`--config-file: invalid ${what}: a key is no text`);
    }
    return { key: String(pair.key.value), node: pair.value };
  });
}

function textOf(key: string, flag: Flag, node: unknown): string {
  if (isSeq(node)) return node.items.map((item) => textOf(key, flag, item)).join(",");
  if (node === null) return "";
  if (!isScalar(node)) throw new FlagError(`--config-file: ${key}: a map is no value`);
  const { value } = node;
  // The text that a number was written as says more than the number.
  if (typeof value === "bigint" && flag.kind.kind === "duration") return `${value}ns`;
  if (typeof value === "number" || typeof value === "bigint") return node.source ?? String(value);
  if (typeof value === "boolean") return String(value);
  return typeof value === "string" ? value : "";
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
