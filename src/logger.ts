import { openSync } from "node:fs";
import { isatty } from "node:tty";
import { type DestinationStream, multistream, pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** One line an event, for people and for programs that watch an etcd. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const CALLER = "vedette";

export type LogFields = Readonly<Record<string, unknown>>;

/** A logger that says nothing, for embedders and tests. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** One JSON object a line with etcd's keys, or lines that people read. */
export type LogFormat = "json" | "console";

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** `default` and `stderr`, `stdout`, or the names of files to append to. */
  readonly outputs: readonly string[];
}

/**
 * Writes lines with etcd's keys (level, ts, msg); to a terminal always for people. Lines leave at
 * once: the last one before an exit counts most.
 * @throws Error when a file cannot be opened
 */
export function newLogger({ level, format, outputs }: LogOptions): Logger {
  const streams = outputs.map((output) => ({ level: "trace", stream: newStream(output, format) }));
  const lines = pino(
    {
      level: level === "panic" ? "fatal" : level,
      // Where the line comes from; of an etcd, a file and its line.
      base: { caller: CALLER },
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    multistream(streams),
  );
  return {
    debug: (message, fields) => lines.debug(fields ?? {}, message),
    info: (message, fields) => lines.info(fields ?? {}, message),
    warn: (message, fields) => lines.warn(fields ?? {}, message),
    error: (message, fields) => lines.error(fields ?? {}, message),
  };
}

/** What goes to stderr: the journal of systemd, too, reads that of a service. */
const STDERR_OUTPUTS: ReadonlySet<string> = new Set(["default", "stderr", "systemd/journal"]);

function newStream(output: string, format: LogFormat): DestinationStream {
  const isDefault = STDERR_OUTPUTS.has(output);
  const fd = isDefault ? 2 : output === "stdout" ? 1 : openSync(output, "a");
  const destination = pino.destination({ dest: fd, sync: true });
  return format === "console" || isatty(fd) ? { write: terminalWriter(destination) } : destination;
}

function terminalWriter(destination: DestinationStream): (line: string) => void {
  return (line) => {
    const all = JSON.parse(line) as Record<string, unknown>;
    const { level, ts, caller: _, msg, ...fields } = all;
    const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${show(value)}`);
    const time = String(ts).slice(11, 23);
    destination.write(`${time} ${String(level).padEnd(5)} ${String(msg)}${shown.join("")}\n`);
  };
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
