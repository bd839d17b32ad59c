import { parseArgs } from "node:util";
import {
  ATTACKS,
  closeWorld,
  isServing,
  LOOP_PROBE,
  measureAttack,
  type MeasuredOutcome,
  openWorld,
} from "./attack-run.ts";

/** A healthy client may become this much slower while somebody attacks. */
const RATIO_MAX = 2;
/** The server's event loop may be so late, whatever else the machine is busy with. */
const LOOP_P99_MS_MAX = 20;
const MB = 1_000_000;

/**
 * What `npm run attack` does: prints one line for each attack. The exit code says whether every
 * outcome was the required one and the server lived; what was measured is printed and marked only.
 * Beside the healthy client's latency stands how late the server's own event loop was, and how many
 * cores were busy: attacker, healthy client and server share the machine.
 */
export async function attackMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: "string", default: "" },
      seconds: { type: "string", default: "2" },
      keys: { type: "string", default: "100000" },
    },
  });
  const rows = values.rows.split(",").filter((row) => row !== "");
  const chosen = ATTACKS.filter(
    ({ row }) => rows.length === 0 || rows.includes(row) || rows.includes(row.replace(/\D/, "")),
  );
  if (chosen.length === 0) {
    process.stderr.write(`no such rows; there are ${ATTACKS.map(({ row }) => row).join(" ")}\n`);
    return 2;
  }
  const sizes = { keys: Number(values.keys), megabytes: 32, streams: 2_000, guesses: 100 };
  const world = await openWorld(sizes, LOOP_PROBE);
  let wrong = 0;
  print(HEADINGS);
  try {
    for (const attack of chosen) {
      const outcome = await measureAttack(attack, world, Number(values.seconds));
      const lives = await isServing(world);
      if (!outcome.isRequired || !lives) wrong++;
      tell(attack.name, outcome, lives);
    }
  } finally {
    await closeWorld(world);
  }
  process.stdout.write(`${chosen.length} attacks, ${wrong} wrong outcomes\n`);
  return wrong === 0 ? 0 : 1;
}

function tell(name: string, outcome: MeasuredOutcome, lives: boolean): void {
  const { p99BeforeMs, p99DuringMs, isRequired } = outcome;
  const ratio = p99DuringMs / p99BeforeMs;
  const mark = ratio > RATIO_MAX ? " SLOW" : "";
  const verdict = lives ? (isRequired ? "ok" : "WRONG") : "DEAD";
  const times = `${p99BeforeMs.toFixed(1)} / ${p99DuringMs.toFixed(1)} x${ratio.toFixed(1)}${mark}`;
  const memory = `+${(outcome.grownBytes / MB).toFixed(0)} MB`;
  const { loop, serverCores, allCores } = outcome;
  const late = loop.p99Ms > LOOP_P99_MS_MAX ? " LATE" : "";
  const delay = `${loop.p99Ms.toFixed(1)} / ${loop.maxMs.toFixed(1)}${late}`;
  const cores = `${serverCores.toFixed(1)} of ${allCores.toFixed(1)}`;
  const often = outcome.runs > 1 ? ` (${outcome.runs} times)` : "";
  const story = `${name}: ${outcome.sent}${often} -> ${outcome.did}`;
  print([outcome.row, verdict, times, delay, cores, memory, story]);
}

const HEADINGS: readonly string[] = [
  "row",
  "outcome",
  "p99 ms before / during",
  "loop p99 / max ms",
  "cores",
  "memory",
  "sent -> what the server did",
];
const WIDTHS: readonly number[] = [4, 8, 24, 18, 10, 8, 0];

function print(cells: readonly string[]): void {
  const padded = cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0));
  process.stdout.write(`${padded.join(" ")}\n`);
}
