import { expect, test } from "vitest";
import { type ServerKind, PEER_KINDS, isAvailable } from "../support/servers.ts";
import { runDifferential } from "./differential.ts";

/**
 * Random calls to a real etcd and to ours. `VEDETTE_DIFFERENTIAL_CALLS=20000` makes the run long,
 * `VEDETTE_DIFFERENTIAL_SEED` repeats one that failed, `VEDETTE_DIFFERENTIAL_HASH_EVERY=1` finds the
 * call after which the stores differ.
 */
const calls = Number(process.env["VEDETTE_DIFFERENTIAL_CALLS"] ?? "500");
const seed = Number(process.env["VEDETTE_DIFFERENTIAL_SEED"] ?? "42");
const hashEvery = Number(process.env["VEDETTE_DIFFERENTIAL_HASH_EVERY"] ?? "50");
const ours: ServerKind =
  process.env["VEDETTE_DIFFERENTIAL_LEFT"] === "etcd-3.4" ? "etcd-3.4" : "vedette";

for (const peer of PEER_KINDS) {
  test.skipIf(!isAvailable(peer))(
    `${calls} random calls are answered like ${peer} answers them`,
    async () => {
      const report = await runDifferential({ left: ours, right: peer, seed, calls, hashEvery });
      expect(report.difference).toBeUndefined();
      expect(report.hashesCompared).toBeGreaterThan(calls / hashEvery / 2);
      // The run is worth something only when calls succeed and fail in several ways.
      expect(report.codes[0]).toBeGreaterThan(calls / 4);
      expect(Object.keys(report.codes).length).toBeGreaterThan(2);
    },
    60_000 + calls * 20,
  );
}
