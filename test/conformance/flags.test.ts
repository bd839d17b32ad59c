import { execFile } from "node:child_process";
import { describe, expect, it } from "vitest";
import { FLAGS } from "../../src/flag-table.ts";
import { etcdBinary, PEER_KINDS } from "../support/servers.ts";

/** The flags that a real etcd tells of in its help, against our table (F1, F2, F3). */
function help(binary: string): Promise<string> {
  return new Promise((resolve) => {
    execFile(binary, ["--help"], (_, stdout, stderr) => resolve(`${stdout}\n${stderr}`));
  });
}

/** What differs on purpose: our newer model, loopback, and what is worked out later. */
const OTHER_DEFAULTS: ReadonlySet<string> = new Set([
  "data-dir",
  "snapshot-count",
  "listen-client-urls",
  "advertise-client-urls",
  "initial-cluster",
  "discovery-fallback",
  "pre-vote",
  "logger",
  "max-concurrent-streams",
  "log-rotation-config-json",
  "backend-batch-interval",
  "experimental-backend-bbolt-freelist-type",
  "experimental-compaction-batch-limit",
  "experimental-compaction-sleep-interval",
  "experimental-watch-progress-notify-interval",
]);

describe.each(PEER_KINDS)("the help of %s", (kind) => {
  const binary = etcdBinary(kind);

  it.skipIf(binary === undefined)("names no flag that is not known here", async () => {
    const text = await help(binary ?? "");
    const told = [...text.matchAll(/^ {2}--([a-z0-9-]+)(?: '?([^'\n]*)'?)?$/gm)];
    expect(told.length).toBeGreaterThan(70);
    const known = new Map(FLAGS.map((flag) => [flag.name, flag]));
    for (const [, name = "", preset] of told) {
      const flag = known.get(name);
      expect(flag, name).toBeDefined();
      if (preset === undefined || OTHER_DEFAULTS.has(name)) continue;
      expect(flag?.preset, name).toBe(preset);
    }
  });
});
