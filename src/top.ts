import type { WatchersPage, WatchersPageRow } from "./api/watchers-page.ts";
import { FlagError, parseDurationMs, parseWhole } from "./flag-values.ts";

/** What `vedette top` was asked for. */
export interface TopOptions {
  /** `http://host:port` of a server. */
  readonly endpoint: string;
  readonly limit: number;
  /** Only watchers that stand there; empty = anywhere. */
  readonly position: string;
  /** Only watchers whose range contains this key; empty = all. */
  readonly key: string;
  readonly intervalMs: number;
  readonly isOnce: boolean;
  /** `name:password` where auth is on; empty = says nothing. */
  readonly user: string;
}

/** The terminal, or a test. */
export interface TopScreen {
  readonly isTerminal: boolean;
  write(text: string): void;
}

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 500;
const INTERVAL_LEAST_MS = 100;
const ANSWER_TIMEOUT_MS = 10_000;
/** Cursor home, and all below it cleared. */
const CLEAR = "\x1b[H\x1b[J";

export const TOP_USAGE: string = `Usage: vedette top [flags]

Shows the watchers of a server, those that are furthest behind first.

  --endpoint URL    where the server is reached (http://127.0.0.1:2379)
  --limit N         how many watchers to show (${LIMIT_DEFAULT}, at most ${LIMIT_MAX})
  --position NAME   only those that stand there: synced, victim, unsynced, ...
  --key KEY         only those whose range contains this key
  --interval TIME   time between two looks (2s)
  --once            look once and end
  --user NAME:PASS  who asks, where auth is on; only root may
`;

/**
 * Flags as `--name value` or `--name=value`; undefined = help is wanted.
 * @throws FlagError with one line that says what is wrong
 */
export function parseTopArguments(args: readonly string[]): TopOptions | undefined {
  const given = new Map<string, string>([
    ["endpoint", "http://127.0.0.1:2379"],
    ["limit", String(LIMIT_DEFAULT)],
    ["position", ""],
    ["key", ""],
    ["interval", "2s"],
    ["user", ""],
  ]);
  let isOnce = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    const [, name, value] = /^--?([a-z]+)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === "help" || name === "h") return undefined;
    if (name === "once" && value === undefined) isOnce = true;
    else if (name === undefined || !given.has(name)) {
      throw new FlagError(`vedette top: no such flag: ${arg}`);
    } else {
      const text = value ?? args[++i];
      if (text === undefined) throw new FlagError(`vedette top: --${name} needs a value`);
      given.set(name, text);
    }
  }
  const limit = parseWhole(given.get("limit") ?? "", 1, LIMIT_MAX);
  if (limit === undefined) throw new FlagError(`vedette top: --limit is from 1 to ${LIMIT_MAX}`);
  const intervalMs = parseDurationMs(given.get("interval") ?? "");
  if (intervalMs === undefined || intervalMs < INTERVAL_LEAST_MS) {
    throw new FlagError("vedette top: --interval is a time like 2s, at least 100ms");
  }
  const position = given.get("position") ?? "";
  const endpoint = endpointOf(given.get("endpoint") ?? "");
  const key = given.get("key") ?? "";
  return { endpoint, limit, position, key, intervalMs, isOnce, user: given.get("user") ?? "" };
}

/** `host:port` is taken as well. */
function endpointOf(text: string): string {
  const url = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(url) || new URL(url).protocol !== "http:") {
    throw new FlagError(`vedette top: --endpoint "${text}" is no http URL`);
  }
  return url.replace(/\/+$/, "");
}

/**
 * Shows the watchers, again and again until the process is ended, or once.
 * @throws Error in words when the server cannot be asked
 */
export async function runTop(options: TopOptions, screen: TopScreen): Promise<void> {
  let token = await login(options);
  for (;;) {
    let page = await fetchPage(options, token);
    if (page === "unauthorized" && options.user !== "") {
      // A token that was not used for long, or that a restart has made void.
      token = await login(options);
      page = await fetchPage(options, token);
    }
    if (page === "unauthorized") throw new Error(`${options.endpoint} asks who you are: --user`);
    const text = topText(page);
    screen.write(screen.isTerminal && !options.isOnce ? `${CLEAR}${text}` : text);
    if (options.isOnce) return;
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs));
  }
}

/** A token for the user, or none where nobody is named. */
async function login({ endpoint, user }: TopOptions): Promise<string> {
  if (user === "") return "";
  const [name = "", ...password] = user.split(":");
  const body = JSON.stringify({ name, password: password.join(":") });
  const response = await ask(endpoint, "/v3/auth/authenticate", { method: "POST", body });
  const answer = (await response.json()) as { readonly token?: string; readonly message?: string };
  if (answer.token !== undefined) return answer.token;
  throw new Error(`${endpoint} answered: ${answer.message ?? `HTTP ${response.status}`}`);
}

async function ask(endpoint: string, path: string, init: RequestInit): Promise<Response> {
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    return await fetch(`${endpoint}${path}`, { ...init, signal });
  } catch (error) {
    throw new Error(`no answer from ${endpoint}`, { cause: error });
  }
}

async function fetchPage(
  options: TopOptions,
  token: string,
): Promise<WatchersPage | "unauthorized"> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.position !== "") query.set("position", options.position);
  if (options.key !== "") query.set("key", options.key);
  const headers: Record<string, string> = token === "" ? {} : { authorization: token };
  const path = `/vedette/watchers?${query.toString()}`;
  const response = await ask(options.endpoint, path, { headers });
  if (response.status === 401) return "unauthorized";
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as WatchersPage;
  const [, reason = `HTTP ${response.status}`] = /"error":"([^"]*)"/.exec(text) ?? [];
  throw new Error(`${options.endpoint} answered: ${reason}`);
}

const HEAD: readonly string[] = [
  "LAG",
  "BYTES",
  "TIME",
  "POSITION",
  "CAUSE",
  "STREAM",
  "WATCH",
  "CLIENT",
  "RANGE",
  "OPTIONS",
];
/** Columns of numbers stand to the right. */
const NUMBER_COLUMNS = 3;
const RANGE_LENGTH_MAX = 40;

/** The page as lines of text. */
export function topText(page: WatchersPage): string {
  const positions = Object.entries(page.positions)
    .filter(([, count]) => count > 0)
    .map(([position, count]) => `${count} ${position}`);
  const lines = [
    `revision ${page.revision}, ${page.streams} streams, ${page.watchers} watchers` +
      (positions.length === 0 ? "" : `: ${positions.join(", ")}`),
    `${page.behind} behind, at most ${page.lag_revisions_max} revisions, ` +
      `${page.lag_revisions_sum} in sum; ${page.list.length} of ${page.matched} shown`,
  ];
  if (page.list.length > 0) lines.push("", ...table([HEAD, ...page.list.map(cells)]));
  return `${lines.join("\n")}\n`;
}

function cells(row: WatchersPageRow): string[] {
  const bytes = bytesText(row.lag_bytes);
  return [
    String(row.lag_revisions),
    row.lag_bytes_estimated ? `~${bytes}` : bytes,
    timeText(row.lag_ms),
    row.position,
    row.cause === "none" ? "-" : row.cause,
    String(row.stream_id),
    row.watch_id,
    row.user === "" ? row.client : `${row.user}@${row.client}`,
    row.range.length > RANGE_LENGTH_MAX ? `${row.range.slice(0, RANGE_LENGTH_MAX)}…` : row.range,
    row.options.join(","),
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = HEAD.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? "").length)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < NUMBER_COLUMNS ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd(),
  );
}

function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function timeText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
