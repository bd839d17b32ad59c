import { parseArgs } from "node:util";
import { PEER_KINDS, type ServerKind, isAvailable } from "../test/support/servers.ts";
import { ROWS } from "./rows.ts";
import { runRow } from "./runner.ts";
import { SinkThreads } from "./sink.ts";
import { type Measured, figureTables, ratioTable } from "./table.ts";

/** What `--quick` stands for: one round that counts, a third of each load. */
const QUICK = { rounds: "1", scale: "0.3" };

/**
 * What `npm run bench` does: see bench/README.md. The exit code is 1 when a row failed on a server,
 * never because of a figure.
 */
export async function benchMain(args: readonly string[]): Promise<number> {
  const newestPeer = PEER_KINDS.filter(isAvailable).at(-1);
  const { values: given } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      "warm-up": { type: "string" },
      scale: { type: "string" },
      servers: { type: "string" },
      only: { type: "string", multiple: true, default: [""] },
    },
  });
  const values = {
    rounds: "5",
    "warm-up": "1",
    scale: "1",
    ...(given.quick ? QUICK : {}),
    ...given,
  };
  const servers = (given.servers?.split(",") ?? [
    "vedette",
    newestPeer ?? "vedette",
  ]) as ServerKind[];
  const began = performance.now();
  const measured: Measured[] = [];
  const sinks = new SinkThreads();
  let failures = 0;
  for (const row of ROWS) {
    if (!values.only.some((text) => row.name.includes(text))) continue;
    process.stderr.write(`${seconds(began)} ${row.name}\n`);
    const rows = await runRow(row, {
      servers: [...new Set(servers)],
      rounds: Number(values.rounds),
      warmUps: Number(values["warm-up"]),
      scale: Number(values.scale),
      sinks,
      failed: (server, error) => {
        failures++;
        process.stderr.write(`FAILED on ${server}: ${String(error)}\n`);
      },
    });
    measured.push(...rows);
  }
  await sinks.dispose();
  process.stderr.write(`${seconds(began)} done\n`);
  const base = servers.find((kind) => kind !== "vedette") ?? "etcd-3.5";
  process.stdout.write(`${figureTables(measured)}\n${ratioTable(measured, base)}`);
  if (failures > 0) process.stdout.write(`${failures} failed: see above\n`);
  return failures > 0 || measured.length === 0 ? 1 : 0;
}

function seconds(began: number): string {
  return `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s`;
}
