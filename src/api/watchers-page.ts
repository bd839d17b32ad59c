import type { WatchRange } from "../watch/watch-range.ts";
import { positionTotals, type WatcherSurvey } from "../watch/watcher-survey.ts";
import type { WatcherView } from "../watch/watcher-view.ts";
import type { HttpRequest, HttpResponse } from "./call.ts";
import type { WatcherDirectory } from "./watcher-directory.ts";
import { rangeMessages, toListQuery } from "./watchers.ts";

/** What `GET /vedette/watchers` answers: for curl, for scripts, for `vedette top`. */
export interface WatchersPage {
  readonly revision: number;
  readonly streams: number;
  readonly watchers: number;
  readonly behind: number;
  readonly lag_revisions_sum: number;
  readonly lag_revisions_max: number;
  /** Watchers by where they stand; the sum is `watchers`. */
  readonly positions: Readonly<Record<string, number>>;
  /** Watchers that were asked for, of which `list` shows those with the largest lag. */
  readonly matched: number;
  readonly list: readonly WatchersPageRow[];
}

export interface WatchersPageRow {
  readonly stream_id: number;
  /** Text, because it may have 64 bits. */
  readonly watch_id: string;
  readonly client: string;
  readonly user: string;
  /** For people: `key`, `[key, end)`, `key...`; bytes that do not print are written as `\x00`. */
  readonly range: string;
  readonly options: readonly string[];
  readonly position: string;
  readonly next_revision: number;
  readonly lag_revisions: number;
  readonly lag_bytes: number;
  readonly lag_bytes_estimated: boolean;
  readonly lag_ms: number;
  readonly cause: string;
  /** Milliseconds since 1970 UTC, to the second. */
  readonly created_at_ms: number;
}

const JSON_HEADERS: HttpResponse["headers"] = {
  "content-type": "application/json",
  "cache-control": "no-store",
};

/** Answers `?limit=&position=&key=`; the key is text in percent encoding, any bytes can be said. */
export function answerWatchersPage(
  directory: WatcherDirectory,
  request: HttpRequest,
  respond: (response: HttpResponse) => void,
): void {
  const query = parseQuery(request.target);
  if (typeof query === "string") {
    respond(failure(400, query));
    return;
  }
  const isTaken = directory.survey(query, (survey) => {
    const body = JSON.stringify(pageOf(directory, survey));
    respond({ status: 200, headers: JSON_HEADERS, body: `${body}\n` });
  });
  if (!isTaken) respond(failure(503, "too many requests"));
}

function pageOf(directory: WatcherDirectory, survey: WatcherSurvey): WatchersPage {
  const { watchers, behind, lagSum, lagMax } = survey.totals;
  return {
    revision: directory.hub.head,
    streams: directory.hub.stats.streams,
    watchers,
    behind,
    lag_revisions_sum: lagSum,
    lag_revisions_max: lagMax,
    positions: Object.fromEntries(
      positionTotals(survey).map(([position, totals]) => [position, totals.watchers]),
    ),
    matched: survey.matched,
    list: directory.views(survey).map(rowOf),
  };
}

function rowOf(view: WatcherView): WatchersPageRow {
  return {
    stream_id: view.streamNumber,
    watch_id: String(view.watchId),
    client: view.client.peer,
    user: view.client.user,
    range: rangeText(view.range),
    options: view.options,
    position: view.position,
    next_revision: view.nextRevision,
    lag_revisions: view.lagRevisions,
    lag_bytes: view.lagBytes.bytes,
    lag_bytes_estimated: view.lagBytes.isEstimate,
    lag_ms: view.lagMs,
    cause: view.cause,
    created_at_ms: view.createdAtMs,
  };
}

function rangeText(range: WatchRange): string {
  return rangeMessages(range)
    .map(({ key, rangeEnd }) => {
      const start = bytesText(key);
      if (rangeEnd.length === 0) return start;
      return rangeEnd.length === 1 && rangeEnd[0] === 0
        ? `${start}...`
        : `[${start}, ${bytesText(rangeEnd)})`;
    })
    .join(" ");
}

/** Text where the bytes are text without control characters; all others as `\x00`. */
function bytesText(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("utf8");
  const isText = Buffer.from(text, "utf8").equals(bytes) && !/[\p{Cc}\\]/u.test(text);
  if (isText) return text;
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`,
  ).join("");
}

function parseQuery(target: string): ReturnType<typeof toListQuery> {
  const start = target.indexOf("?");
  const pairs = start < 0 ? [] : target.slice(start + 1).split("&");
  let limit = 0;
  let position = "";
  let key: Uint8Array = new Uint8Array(0);
  for (const pair of pairs) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = equals < 0 ? "" : pair.slice(equals + 1);
    if (name === "limit" && /^\d{0,9}$/.test(value)) limit = Number(value);
    else if (name === "position") position = value;
    else if (name === "key") key = percentDecoded(value);
    else return name === "limit" ? "a limit is a whole number" : `no such parameter: ${name}`;
  }
  return toListQuery({ limit, position, key });
}

/** Bytes: a key need not be UTF-8. A percent sign that begins no byte stands for itself. */
function percentDecoded(text: string): Uint8Array {
  const latin1 = Buffer.from(text, "utf8")
    .toString("latin1")
    .replaceAll("+", " ")
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number(`0x${hex}`)));
  return Uint8Array.from(Buffer.from(latin1, "latin1"));
}

function failure(status: number, text: string): HttpResponse {
  return { status, headers: JSON_HEADERS, body: `${JSON.stringify({ error: text })}\n` };
}
