import type { Flag } from "./flag.ts";
import { FLAGS } from "./flag-table.ts";
import { FlagError, nearest } from "./flag-values.ts";
import { readConfigFile } from "./config-file.ts";

export interface FlagSources {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The default data folder is `<name>.<this>`. */
  readonly dataDirSuffix: string;
}

export type CollectedFlags =
  | {
      readonly kind: "serve";
      /** The text of each flag that was given, by its present name. */
      readonly given: ReadonlyMap<string, string>;
      /** The file that it stood in, when it did. */
      readonly configFile: string | undefined;
      readonly warnings: string[];
    }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

const BY_NAME: ReadonlyMap<string, Flag> = new Map(FLAGS.map((flag) => [flag.name, flag]));
/** Variables of an etcd that are no flags. */
const NO_FLAGS: ReadonlySet<string> = new Set(["ETCD_UNSUPPORTED_ARCH", "ETCD_VERSION"]);

/**
 * What was said by flags in Go's syntax (`-x v`, `--x v`, `--x=v`, booleans as `--b` or
 * `--b=false`) and by the environment (`ETCD_DATA_DIR`; a flag wins), or instead of both by a
 * configuration file (F1).
 * @throws FlagError with one line that says what is wrong
 */
export function collectFlags({ args, environment }: FlagSources): CollectedFlags {
  const warnings: string[] = [];
  const fromArguments = new Map<string, string>();
  const special = readArguments(args, fromArguments, warnings);
  if (special !== undefined) return { kind: special };
  const configFile = fromArguments.get("config-file") || environment["ETCD_CONFIG_FILE"];
  if (configFile !== undefined && configFile !== "") {
    const given = fromFile(configFile, warnings);
    const ignored = [...fromArguments.keys()].filter((name) => name !== "config-file");
    if (ignored.length > 0) {
      warnings.push(`with --config-file other flags are ignored: ${ignored.join(", ")}`);
    }
    return { kind: "serve", given, configFile, warnings };
  }
  const given = new Map<string, string>();
  readEnvironment(environment, given, warnings);
  for (const name of fromArguments.keys()) {
    if (given.has(name)) warnings.push(`--${name} shadows ${variableOf(name)}`);
  }
  for (const [name, value] of fromArguments) given.set(name, value);
  return { kind: "serve", given, configFile: undefined, warnings };
}

function fromFile(path: string, warnings: string[]): ReadonlyMap<string, string> {
  const { values, unknownKeys } = readConfigFile(path, BY_NAME);
  for (const key of unknownKeys) warnings.push(`unrecognized key in --config-file: ${key}`);
  const given = new Map<string, string>();
  for (const [name, value] of values) given.set(presentName(flagNamed(name), warnings), value);
  return given;
}

/** @throws FlagError that names the nearest flag */
export function flagNamed(name: string): Flag {
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
  const variables = new Map(FLAGS.map((flag) => [variableOf(flag.name), flag]));
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith("ETCD_") || value === undefined || NO_FLAGS.has(variable)) continue;
    const flag = variables.get(variable);
    if (flag === undefined) warnings.push(`unrecognized environment variable ${variable}`);
    else if (value !== "") {
      // A variable of the present name counts more than one of the older name.
      if (flag.aliasOf !== undefined && environment[variableOf(flag.aliasOf)]) continue;
      given.set(presentName(flag, warnings), value);
    }
  }
}

function variableOf(flagName: string): string {
  return `ETCD_${flagName.toUpperCase().replaceAll("-", "_")}`;
}

function presentName({ name, aliasOf }: Flag, warnings: string[]): string {
  if (aliasOf === undefined) return name;
  warnings.push(`--${name} is an older name of --${aliasOf}`);
  return aliasOf;
}

function readArguments(
  args: readonly string[],
  given: Map<string, string>,
  warnings: string[],
): "help" | "version" | undefined {
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === "--") {
      const extra = args[i + 1];
      if (extra === undefined) return undefined;
      throw new FlagError(`'${extra}' is not a valid flag`);
    }
    if (!/^-./.test(arg)) throw new FlagError(`'${arg}' is not a valid flag`);
    const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg);
    if (match === null) throw new FlagError(`bad flag syntax: ${arg}`);
    const [, name, value] = match as unknown as [string, string, string | undefined];
    if (name === "help" || name === "h") return "help";
    if (name === "version") return "version";
    const flag = flagNamed(name);
    const present = presentName(flag, warnings);
    if (value !== undefined) given.set(present, value);
    else if (flag.kind.kind === "boolean") given.set(present, "true");
    else {
      const next = args[++i];
      if (next === undefined) throw new FlagError(`flag needs an argument: -${name}`);
      given.set(present, next);
    }
  }
  return undefined;
}
