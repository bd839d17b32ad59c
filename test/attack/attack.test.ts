import { afterAll, beforeAll, expect, test } from "vitest";
import type { AttackWorld } from "./attack.ts";
import { ATTACKS, closeWorld, isServing, openWorld, runAttack } from "./attack-run.ts";

let world: AttackWorld;
beforeAll(async () => {
  world = await openWorld({ keys: 2_000, megabytes: 4, streams: 1_000, guesses: 20 });
});
afterAll(async () => await closeWorld(world));

/** Slow clients take half a minute: floods.test.ts has them, with a clock moved by hand. */
const attacks = ATTACKS.filter(({ row }) => row !== "0" && row !== "6");

test.each(attacks)("$row, $name: the server does what it has to, and goes on", async (attack) => {
  await attack.prepare?.(world);
  const { isRequired, did } = await runAttack(attack, world);
  expect(isRequired, did).toBe(true);
  expect(await isServing(world)).toBe(true);
});
