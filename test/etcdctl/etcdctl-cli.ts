import { parseArgs } from "node:util";
import { etcdBinary, isAvailable, PEER_KINDS } from "../support/servers.ts";
import { compareEtcdctl, type Counts } from "./etcdctl-compare.ts";
import { LEFT_OUT, untried } from "./etcdctl-coverage.ts";
import { LISTED_DIFFERENCES, type ListedDifference } from "./etcdctl-differences.ts";
import { SET_UP_NAMES, type SetUpName } from "./etcdctl-set-ups.ts";
import type { PeerKind } from "./etcdctl-station.ts";

interface Column {
  readonly kind: PeerKind;
  readonly counts: Map<string, Counts>;
  readonly typed: string[];
  readonly faults: string[];
}

/**
 * What `npm run etcdctl` does: prints a table of all commands, and all differences. The exit code
 * says whether each difference is listed, each listed one is there, and nothing was left untried.
 */
export async function etcdctlMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: "string" }, version: { type: "string" } },
  });
  const names = SET_UP_NAMES.filter((name) => (values.only ?? name) === name);
  const kinds = PEER_KINDS.filter((kind) => (values.version ?? kind) === kind);
  if (names.length === 0 || kinds.length === 0) {
    process.stderr.write(`--only ${SET_UP_NAMES.join("|")}, --version ${PEER_KINDS.join("|")}\n`);
    return 2;
  }
  const seen = new Map<ListedDifference, number>();
  const columns: Column[] = [];
  for (const kind of kinds) {
    if (!isAvailable(kind) || etcdBinary(kind, "etcdctl") === undefined) {
      say(`${kind} is not here: left out`);
      continue;
    }
    columns.push(await columnOf(kind, names, seen));
  }
  if (columns.length === 0) return 1;
  sayTable(columns);
  sayReasons(seen);
  const isWhole = names.length === SET_UP_NAMES.length && columns.length === PEER_KINDS.length;
  const unseen = isWhole ? LISTED_DIFFERENCES.filter((one) => !seen.has(one)) : [];
  for (const { why } of unseen) say(`FAULT: listed, but in no command: ${why}`);
  const faults = columns.flatMap((column) => column.faults);
  for (const fault of faults) say(fault);
  const total = faults.length + unseen.length;
  say(`${total} faults`);
  return total === 0 ? 0 : 1;
}

async function columnOf(
  kind: PeerKind,
  names: readonly SetUpName[],
  seen: Map<ListedDifference, number>,
): Promise<Column> {
  const column: Column = { kind, counts: new Map(), typed: [], faults: [] };
  for (const name of names) {
    const begin = performance.now();
    const { counts, listed, faults, typed } = await compareEtcdctl(kind, name);
    for (const [difference, count] of listed) {
      seen.set(difference, (seen.get(difference) ?? 0) + count);
    }
    for (const [command, count] of counts) add(column.counts, command, count);
    column.typed.push(...typed);
    column.faults.push(...faults);
    const seconds = ((performance.now() - begin) / 1_000).toFixed(0);
    say(`${kind}, ${name}: ${shown(sumOf(counts))} equal / listed / different, ${seconds} s`);
  }
  if (names.length === SET_UP_NAMES.length) {
    const missing = untried(etcdBinary(kind, "etcdctl") ?? "", column.typed);
    column.faults.push(...missing.map((name) => `--- ${kind}: not tried: ${name}`));
  }
  return column;
}

function sayTable(columns: readonly Column[]): void {
  const row = (name: string, cells: readonly string[]): void => {
    say(`${name.padEnd(24)}${cells.map((cell) => cell.padStart(16)).join("")}`.trimEnd());
  };
  say("\nequal / listed / different");
  row(
    "etcdctl",
    columns.map(({ kind }) => kind),
  );
  const commands = new Set(columns.flatMap(({ counts }) => [...counts.keys()]));
  for (const command of [...commands].toSorted()) {
    const cells = columns.map(({ counts }) => counts.get(command));
    row(
      command === "" ? "(no such command)" : command,
      cells.map((cell) => (cell === undefined ? "-" : shown(cell))),
    );
  }
  row(
    "all",
    columns.map(({ counts }) => shown(sumOf(counts))),
  );
}

function sayReasons(seen: ReadonlyMap<ListedDifference, number>): void {
  say("\nlisted differences");
  for (const difference of LISTED_DIFFERENCES) {
    const count = seen.get(difference);
    if (count !== undefined) {
      say(`${String(count).padStart(4)} ${difference.kind ?? "both"}: ${difference.why}`);
    }
  }
  say("\nnot tried");
  for (const [name, why] of Object.entries(LEFT_OUT)) say(`     ${name}: ${why}`);
  say("");
}

function sumOf(counts: ReadonlyMap<string, Counts>): Counts {
  const sum = new Map<string, Counts>();
  for (const count of counts.values()) add(sum, "", count);
  return sum.get("") ?? { equal: 0, listed: 0, different: 0 };
}

function add(counts: Map<string, Counts>, key: string, more: Counts): void {
  const { equal, listed, different } = counts.get(key) ?? { equal: 0, listed: 0, different: 0 };
  counts.set(key, {
    equal: equal + more.equal,
    listed: listed + more.listed,
    different: different + more.different,
  });
}

function shown({ equal, listed, different }: Counts): string {
  return `${equal} / ${listed} / ${different}`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
