#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { idText } from "./api/member-ids.ts";
import { ETCD_VERSION } from "./api/version.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";
import type { Flag } from "./flag.ts";
import { FLAGS } from "./flag-table.ts";
import { FlagError } from "./flag-values.ts";
import { type Logger, newLogger } from "./logger.ts";
import { restore } from "./restore.ts";
import { parseRestoreArguments, RESTORE_USAGE, restoredText } from "./restore-arguments.ts";
import { notifyInit } from "./notify-init.ts";
import { type RunningServer, startServer } from "./server.ts";
import {
  parseStatusArguments,
  snapshotStatus,
  STATUS_USAGE,
  statusText,
} from "./snapshot-status.ts";
import { parseTopArguments, runTop, TOP_USAGE } from "./top.ts";

/** Exit codes: of Go's flag package, and of sysexits(3) for a broken invariant. */
const EXIT_BAD_FLAG = 2;
const EXIT_FAILED = 1;
const EXIT_BROKEN = 70;

const COMMANDS: ReadonlyMap<string, (args: readonly string[]) => Promise<void>> = new Map([
  ["top", runTopCommand],
  ["restore", runRestoreCommand],
  ["snapshot", runSnapshotCommand],
]);

await main();

async function main(): Promise<void> {
  const [command, ...rest] = process.argv.slice(2);
  if (command !== undefined && /^[a-z]/.test(command)) {
    await runCommand(command, rest);
    return;
  }
  // Started under etcd's name: then the folder is named as etcd would name it.
  const dataDirSuffix = process.env["VEDETTE_PROGRAM"] === "etcd" ? "etcd" : "vedette";
  let parsed: ParsedFlags;
  try {
    const args = process.argv.slice(2);
    parsed = parseFlags({ args, environment: process.env, dataDirSuffix });
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT_BAD_FLAG;
    return;
  }
  if (parsed.kind === "version") process.stdout.write(versionText());
  else if (parsed.kind === "help") process.stdout.write(helpText());
  else await serve(parsed);
}

/** What is done instead of serving. */
async function runCommand(command: string, args: readonly string[]): Promise<void> {
  const run = COMMANDS.get(command);
  if (run === undefined) {
    const names = [...COMMANDS.keys()].join(", ");
    process.stderr.write(`vedette: no such command: ${command}; there is: ${names}\n`);
    process.exitCode = EXIT_BAD_FLAG;
    return;
  }
  // Whoever reads the lines may have seen enough: `vedette top | head`.
  process.stdout.on("error", () => process.exit());
  try {
    await run(args);
  } catch (error) {
    if (error instanceof FlagError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = EXIT_BAD_FLAG;
    } else fail(startFailure(error));
  }
}

async function runTopCommand(args: readonly string[]): Promise<void> {
  const screen = {
    isTerminal: process.stdout.isTTY,
    write: (text: string): void => void process.stdout.write(text),
  };
  const options = parseTopArguments(args);
  if (options === undefined) screen.write(TOP_USAGE);
  else await runTop(options, screen);
}

async function runRestoreCommand(args: readonly string[]): Promise<void> {
  const options = parseRestoreArguments(args);
  process.stdout.write(
    options === undefined ? RESTORE_USAGE : restoredText(options, await restore(options)),
  );
}

/** etcdutl's names. */
async function runSnapshotCommand([command, ...args]: readonly string[]): Promise<void> {
  if (command === "restore") {
    await runRestoreCommand(args);
  } else if (command === "status") {
    const options = parseStatusArguments(args);
    process.stdout.write(
      options === undefined ? STATUS_USAGE : statusText(options, snapshotStatus(options)),
    );
  } else {
    throw new FlagError("vedette snapshot: there is: status, restore");
  }
}

async function serve({ options, remarks }: Extract<ParsedFlags, { kind: "serve" }>): Promise<void> {
  const { logLevel, logFormat, logOutputs } = options;
  let log: Logger;
  try {
    log = newLogger({ level: logLevel, format: logFormat, outputs: logOutputs });
  } catch (error) {
    fail(`--log-outputs: ${startFailure(error)}`);
    return;
  }
  // A fault of our own: what the server knows can no longer be trusted, so it does not go on.
  process.on("uncaughtException", (error) => {
    log.error("stopping: a fault in the server", { error: error.stack ?? String(error) });
    process.exit(EXIT_BROKEN);
  });
  for (const warning of remarks.warnings) log.warn(warning);
  if (remarks.configFile !== undefined) {
    const text = "loaded server configuration, other configuration command line flags and ";
    log.info(`${text}environment variables will be ignored if provided`, {
      path: remarks.configFile,
    });
  }
  if (remarks.idleFlags.length > 0) {
    log.warn("flags without effect on a single member", { flags: remarks.idleFlags });
  }
  let server: RunningServer;
  try {
    server = await startServer(options, log);
  } catch (error) {
    fail(startFailure(error));
    return;
  }
  // First of all: whoever waits for the lines below may send a signal as soon as they are there.
  stopOnSignals(server, log);
  announce(server, options.name, log);
  notifyInit(process.env["NOTIFY_SOCKET"], log);
  const error = await server.failed;
  log.error("stopping: the data folder cannot be written", { error: error.message });
  process.exit(EXIT_FAILED);
}

function fail(line: string): void {
  process.stderr.write(`vedette: ${line}\n`);
  process.exitCode = EXIT_FAILED;
}

/** The lines that programs around an etcd wait for, and one for people. */
function announce(server: RunningServer, name: string, log: Logger): void {
  const { clientUrls } = server;
  const id = idText(server.memberId);
  const dataDir = server.dataDir ?? "(in memory)";
  log.info("published local member to cluster through raft", {
    "local-member-id": id,
    "local-member-attributes": `{Name:${name} ClientURLs:[${clientUrls.join(" ")}]}`,
    "cluster-id": idText(server.clusterId),
  });
  log.info("enabled capabilities for version", { "cluster-version": "3.7" });
  log.info("ready to serve client requests", { "data-dir": dataDir, pid: process.pid });
  for (const url of clientUrls) {
    const isSecure = /^(https|unixs):/i.test(url);
    const how = isSecure ? "securely" : "insecurely; this is strongly discouraged!";
    log.info(`serving client traffic ${how}`, {
      traffic: "grpc+http",
      address: url.replace(/^[a-z]+:(\/\/)?/i, ""),
    });
  }
  process.stdout.write(`vedette is serving ${clientUrls.join(", ")}, data in ${dataDir}\n`);
}

/** The first signal drains and ends with 0, a second one ends at once. */
function stopOnSignals(server: RunningServer, log: Logger): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(EXIT_FAILED);
    stopping = true;
    log.info("received signal; shutting down", { signal });
    server.close().then(
      () => {
        log.info("closed");
        process.exit(0);
      },
      (error: unknown) => {
        log.error("failed to close", { error: String(error) });
        process.exit(EXIT_FAILED);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

function startFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "AssertionError") throw error;
  const { code, address, port } = error as Error & {
    readonly code?: string;
    readonly address?: string;
    readonly port?: number;
  };
  if (port === undefined || port < 0) return error.message;
  if (code === "EADDRINUSE") return `listen tcp ${address}:${port}: address already in use`;
  if (code === "EACCES") return `listen tcp ${address}:${port}: not allowed`;
  return error.message;
}

function versionText(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { readonly version: string };
  return [
    `etcd Version: ${ETCD_VERSION}`,
    `Git SHA: vedette ${version}`,
    `Go Version: none, Node.js ${process.version}`,
    `Go OS/Arch: ${process.platform}/${process.arch}`,
    "",
  ].join("\n");
}

function helpText(): string {
  const present = FLAGS.filter((flag) => flag.aliasOf === undefined);
  const used = present.filter((flag) => !flag.isIdle);
  const idle = present.filter((flag) => flag.isIdle);
  const older = FLAGS.filter((flag) => flag.aliasOf !== undefined);
  return `Usage:

  vedette [flags]
    Start a server.

  vedette top [flags]
    Watch the watchers of a server; \`vedette top --help\` tells more.

  vedette restore FILE [flags]
    Make a data folder from a snapshot; \`vedette restore --help\` tells more.

  vedette --version
    Show the version of etcd that it stands for, and its own.

  vedette -h | --help
    Show this.

  vedette --config-file
    Path to a configuration file in etcd's form; other flags and the environment are ignored then.

Every flag can be set as ETCD_NAME_OF_FLAG too.

Flags:
${used.map(describe).join("\n")}

Without effect on a single member, and taken from start scripts that are made for an etcd:
${idle.map(({ name, preset }) => `  --${name} '${preset}'`).join("\n")}

Older names:
${older.map(({ name, aliasOf }) => `  --${name}: --${aliasOf}`).join("\n")}
`;
}

function describe({ name, preset, about }: Flag): string {
  return `  --${name} '${preset}'\n    ${about}`;
}
