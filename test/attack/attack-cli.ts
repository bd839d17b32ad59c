import { parseArgs } from "node:util";
import {
  ATTACKS,
  closeWorld,
  isServing,
  measureAttack,
  type MeasuredOutcome,
  openWorld,
} from "./attack-run.ts";

/** A healthy client may become this much slower while somebody attacks. */
const RATIO_MAX = 2;
const MB = 1_000_000;

/**
 * What `npm run attack` does: prints one line for each attack. The exit code says whether every
 * outcome was the required one and the server lived; latencies are printed and marked only.
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
  const world = await openWorld(sizes);
  let wrong = 0;
  print("row", "outcome", "p99 ms before / during", "memory", "sent -> what the server did");
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
  const often = outcome.runs > 1 ? ` (${outcome.runs} times)` : "";
  print(outcome.row, verdict, times, memory, `${name}: ${outcome.sent}${often} -> ${outcome.did}`);
}

function print(...[row, verdict, times, memory, story]: readonly string[]): void {
  const cells = [row?.padEnd(4), verdict?.padEnd(8), times?.padEnd(24), memory?.padEnd(8), story];
  process.stdout.write(`${cells.join(" ")}\n`);
}
