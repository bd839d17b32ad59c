import { afterEach, expect, test } from "vitest";
import { type ServerKind, TestServer, isAvailable } from "../support/servers.ts";
import { validateWatch } from "../support/watch-validator.ts";
import { MAX_REQUEST_BYTES, WatchWorld } from "./watch-world.ts";

// etcd 3.5 is put through the same: what the validator says of ours it must not say of it. Not 3.4,
// whose progress overtakes events (V2): of that one it finds hundreds of faults.

const SEEDS = [1, 2, 3];
const STEPS = 220;
const STREAMS = 4;
const CATCH_UP_MS = 15_000;

let server: TestServer | undefined;
let world: WatchWorld | undefined;
afterEach(async () => {
  world?.close();
  await server?.dispose();
});

function faults(): string[] {
  return world?.histories.flatMap((history) => validateWatch(history)) ?? [];
}

const CASES: readonly (readonly [kind: ServerKind, seed: number])[] = [
  ...SEEDS.map((seed) => ["vedette", seed] as const),
  ["etcd-3.5", 1],
];

for (const [kind, seed] of CASES) {
  test.skipIf(!isAvailable(kind))(`every watcher of ${kind} sees the truth, seed ${seed}`, () =>
    runWorld(kind, seed),
  );
}

async function runWorld(kind: ServerKind, seed: number): Promise<void> {
  server = await TestServer.start(kind, {
    flags: ["--max-request-bytes", String(MAX_REQUEST_BYTES)],
  });
  world = new WatchWorld(server, seed, STREAMS);
  for (let i = 0; i < STEPS; i++) await world.step();
  await world.finale();
  world.resume();
  // What is still under way looks like lost events until it has arrived.
  const deadline = Date.now() + CATCH_UP_MS;
  while (faults().length > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(faults()).toEqual([]);
  const { histories, revision } = world;
  expect(revision).toBeGreaterThan(STEPS);
  const responses = histories.flatMap(({ transcript }) =>
    transcript.flatMap((entry) => ("received" in entry ? [entry.received] : [])),
  );
  expect(responses.length).toBeGreaterThan(200);
  // The run has met what it is for.
  expect(responses.some((response) => response["compact_revision"] !== undefined)).toBe(true);
  expect(responses.some((response) => response["fragment"] === true)).toBe(true);
  expect(responses.some((response) => response["watch_id"] === -1)).toBe(true);
}
