import { parseArgs } from "node:util";
import { runCrash } from "./crash-run.ts";

/** What `npm run crash` does: prints one JSON line, and says by its exit code whether all held. */
export async function crashMain(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      server: { type: "string", default: "vedette" },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      kills: { type: "string", default: "50" },
      writers: { type: "string", default: "64" },
      watchers: { type: "string", default: "100" },
      prefixes: { type: "string", default: "10" },
      value: { type: "string", default: "256" },
      compact: { type: "string", default: "0.3" },
      puts: { type: "string", default: "100000" },
      seconds: { type: "string", default: "240" },
    },
  });
  const { server } = values;
  if (server !== "vedette" && server !== "etcd-3.4" && server !== "etcd-3.5") {
    process.stderr.write(`no server is called ${server}\n`);
    return 2;
  }
  const report = await runCrash({
    server,
    seed: Number(values.seed),
    kills: Number(values.kills),
    writers: Number(values.writers),
    watchers: Number(values.watchers),
    prefixes: Number(values.prefixes),
    valueBytes: Number(values.value),
    compactChance: Number(values.compact),
    puts: Number(values.puts),
    secondsMax: Number(values.seconds),
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  return report.violations.length === 0 ? 0 : 1;
}
