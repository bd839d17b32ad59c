import { parseArgs } from "node:util";
import {
  type ServerKind,
  TestServer,
  PEER_KINDS,
  isAvailable,
  cpuSeconds,
} from "../test/support/servers.ts";
import { type LoadResult, runFanout, runPuts, runRanges } from "./loads.ts";

/** One load on one server: medians over the rounds. */
interface Row {
  readonly load: string;
  readonly server: ServerKind;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

interface Load {
  readonly name: string;
  /** Not measured. */
  readonly prepare?: (port: number) => Promise<unknown>;
  readonly run: (port: number, scale: number) => Promise<LoadResult>;
}

const LOADS: readonly Load[] = [
  { name: "put, 1 caller", run: (port, scale) => runPuts(port, 1, Math.ceil(3_000 * scale)) },
  { name: "put, 64 callers", run: (port, scale) => runPuts(port, 64, Math.ceil(40_000 * scale)) },
  {
    name: "range, 64 callers",
    prepare: (port) => runPuts(port, 256, 10_000),
    run: (port, scale) => runRanges(port, 64, Math.ceil(80_000 * scale)),
  },
  {
    name: "fan-out, 1000 watchers, 64 callers",
    run: (port, scale) =>
      runFanout(port, { watchers: 1_000, callers: 64, puts: Math.ceil(2_000 * scale) }),
  },
  {
    name: "fan-out, 100 watchers, 64 callers",
    run: (port, scale) =>
      runFanout(port, { watchers: 100, callers: 64, puts: Math.ceil(20_000 * scale) }),
  },
];

/**
 * What `npm run bench` does: every load on every server in turn, in the same run, several rounds,
 * and the medians as a table. Servers get a fresh data folder for every load and round.
 */
export async function benchMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      scale: { type: "string", default: "1" },
      servers: {
        type: "string",
        default: ["vedette", ...PEER_KINDS.filter(isAvailable)].join(","),
      },
      only: { type: "string", default: "" },
    },
  });
  const rows: Row[] = [];
  for (const load of LOADS) {
    if (!load.name.includes(values.only)) continue;
    const results = new Map<ServerKind, (LoadResult & { cpuMicros: number })[]>();
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const kind of values.servers.split(",") as ServerKind[]) {
        const all = results.get(kind) ?? [];
        results.set(kind, all);
        all.push(await measure(kind, load, Number(values.scale)));
      }
    }
    for (const [server, all] of results) rows.push(medians(load.name, server, all));
  }
  process.stdout.write(table(rows));
  return 0;
}

async function measure(
  kind: ServerKind,
  load: Load,
  scale: number,
): Promise<LoadResult & { cpuMicros: number }> {
  const server = await TestServer.start(kind);
  try {
    await load.prepare?.(server.port);
    const before = cpuSeconds(server.pid);
    const result = await load.run(server.port, scale);
    const used = cpuSeconds(server.pid) - before;
    return { ...result, cpuMicros: (used * 1e6) / result.operations };
  } finally {
    await server.dispose();
  }
}

function medians(
  load: string,
  server: ServerKind,
  all: readonly (LoadResult & { cpuMicros: number })[],
): Row {
  const of = (pick: (result: LoadResult & { cpuMicros: number }) => number): number =>
    all.map(pick).sort((left, right) => left - right)[all.length >> 1] ?? 0;
  return {
    load,
    server,
    perSecond: of((result) => (result.operations * 1000) / result.elapsedMs),
    p50Ms: of((result) => result.p50Ms),
    p99Ms: of((result) => result.p99Ms),
    cpuMicros: of((result) => result.cpuMicros),
  };
}

function table(rows: readonly Row[]): string {
  const lines = [
    "| load | server | per second | p50 ms | p99 ms | server CPU, us each | speed / etcd 3.5 |",
    "|---|---|---|---|---|---|---|",
  ];
  for (const row of rows) {
    const base = rows.find((one) => one.load === row.load && one.server === "etcd-3.5");
    const ratio = base === undefined ? "" : (row.perSecond / base.perSecond).toFixed(2);
    const cells = [
      row.load,
      row.server,
      Math.round(row.perSecond).toLocaleString("en-US"),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      row.cpuMicros.toFixed(2),
      ratio,
    ];
    lines.push(`| ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n`;
}
