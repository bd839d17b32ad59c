import { pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** One line an event, for people and for programs that watch an etcd. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogFields = Readonly<Record<string, unknown>>;

/** A logger that says nothing, for embedders and tests. */
export const SILENT: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Writes JSON lines with etcd's keys (level, ts, msg) to a file descriptor, or lines for people
 * when it is a terminal. Lines leave at once: the last one before an exit counts most.
 */
export function newLogger(level: LogLevel, output: { fd: number; isTerminal: boolean }): Logger {
  const destination = pino.destination({ dest: output.fd, sync: true });
  const target = output.isTerminal ? { write: terminalWriter(destination) } : destination;
  const lines = pino(
    {
      level: level === "panic" ? "fatal" : level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  );
  return {
    debug: (message, fields) => lines.debug(fields ?? {}, message),
    info: (message, fields) => lines.info(fields ?? {}, message),
    warn: (message, fields) => lines.warn(fields ?? {}, message),
    error: (message, fields) => lines.error(fields ?? {}, message),
  };
}

function terminalWriter(destination: { write(text: string): unknown }): (line: string) => void {
  return (line) => {
    const { level, ts, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
    const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${show(value)}`);
    const time = String(ts).slice(11, 23);
    destination.write(`${time} ${String(level).padEnd(5)} ${String(msg)}${shown.join("")}\n`);
  };
}

function show(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
