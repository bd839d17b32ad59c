import { EtcdError } from "../base/errors.ts";
import { parseKeyRange } from "../base/key-range.ts";
import type { RangeQuery } from "../machine/command.ts";
import type { Replica } from "../replica/replica.ts";
import { alarmHealth } from "./alarm-health.ts";
import type { HttpResponse } from "./call.ts";
import type { HealthCounts } from "./health-counts.ts";

/** What the pages look at, and where they are counted. */
export interface HealthSources {
  readonly replica: Replica;
  readonly health: HealthCounts;
}

const TEXT_TYPE = "text/plain; charset=utf-8";

/**
 * G20: words, not truth values. There is no leader to lose, and a server whose disk has failed has
 * ended; so alarms and a read are what there is to ask. `?exclude=NOSPACE` passes that alarm over.
 */
export function healthPage(
  query: URLSearchParams,
  { replica, health }: HealthSources,
): HttpResponse {
  const excluded = new Set(query.getAll("exclude"));
  const isSerializable = query.get("serializable") === "true";
  const reason = alarmHealth(replica.alarms, excluded) ?? readFault(replica, isSerializable);
  health.answered(reason === undefined);
  const body = JSON.stringify({ health: String(reason === undefined), reason: reason ?? "" });
  const status = reason === undefined ? 200 : 503;
  return { status, headers: { "content-type": TEXT_TYPE }, body };
}

function readFault(replica: Replica, isSerializable: boolean): string | undefined {
  const error = readOneKey(replica, isSerializable);
  return error === undefined ? undefined : `RANGE ERROR:${error}`;
}

/** One thing that can be wrong; the text says what is. */
type Check = (replica: Replica) => string | undefined;

/** Each page, and what it asks, by name (G21). */
const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  "/livez": { serializable_read: (replica) => readOneKey(replica, true) },
  "/readyz": {
    data_corruption: (replica) => {
      const isCorrupt = replica.alarms.some(({ alarm }) => alarm === "corrupt");
      return isCorrupt ? "alarm activated: CORRUPT" : undefined;
    },
    serializable_read: (replica) => readOneKey(replica, true),
    linearizable_read: (replica) => readOneKey(replica, false),
    // Who serves alone is no learner.
    non_learner: () => undefined,
  },
};

/** `/livez`, `/readyz`, and a page for each check alone. */
export const CHECK_PATHS: readonly string[] = Object.entries(CHECKS).flatMap(([page, checks]) => [
  page,
  ...Object.keys(checks).map((name) => `${page}/${name}`),
]);

/**
 * One of `CHECK_PATHS`: `ok`, behind a line a check with `?verbose`; or 503 and the lines. Checks
 * named by `?exclude` are left out of a page of several.
 */
export function checkPage(
  path: string,
  query: URLSearchParams,
  { replica, health }: HealthSources,
): HttpResponse {
  const [, page = "", only] = path.split("/");
  const excluded = only === undefined ? query.getAll("exclude") : [];
  let isWell = true;
  let lines = "";
  for (const [name, check] of Object.entries(CHECKS[`/${page}`] ?? {})) {
    if ((only !== undefined && only !== name) || excluded.includes(name)) continue;
    const fault = check(replica);
    health.checked(page, name, fault === undefined);
    isWell &&= fault === undefined;
    lines += fault === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${fault}\n`;
  }
  const headers = { "content-type": TEXT_TYPE, "x-content-type-options": "nosniff" };
  if (!isWell) return { status: 503, headers, body: `${lines}\n` };
  return { status: 200, headers, body: `${query.has("verbose") ? lines : ""}ok\n` };
}

/** Why nothing can be read; undefined when it can. */
function readOneKey(replica: Replica, serializable: boolean): string | undefined {
  const outcome = replica.read({ ...ANY_KEY, serializable });
  return outcome instanceof EtcdError ? outcome.message : undefined;
}

const ANY_KEY: RangeQuery = {
  kind: "range",
  range: parseKeyRange(Uint8Array.of(0), Uint8Array.of(0)),
  revision: 0,
  limit: 1,
  order: "none",
  target: "key",
  serializable: true,
  keysOnly: true,
  countOnly: false,
  withCount: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};
