import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ScenarioWorld } from "./scenario-world.ts";

/**
 * Each file is scenarios that begin with `==`, each on a store of its own: steps of lines of the
 * language (scenario-world.ts), `----`, what they show, an empty line. Lines that begin with # are
 * prose. REWRITE_SCENARIOS=1 writes what came into the files: read the diff.
 */
const FOLDER = new URL("./scenarios/", import.meta.url);

describe("watch scenarios", () => {
  for (const name of readdirSync(FOLDER)) {
    test(name, () => {
      const file = new URL(name, FOLDER);
      const text = readFileSync(file, "utf8");
      const actual = runFile(text);
      if (process.env["REWRITE_SCENARIOS"] === "1") writeFileSync(file, actual);
      else expect(actual).toBe(text);
    });
  }
});

function runFile(text: string): string {
  const worlds = [new ScenarioWorld()];
  const steps = text.trimEnd().split("\n\n");
  const shown = steps.map((step) => {
    if (step.startsWith("==")) worlds.push(new ScenarioWorld());
    const world = worlds.at(-1);
    if (world === undefined) throw new Error("every step has a world");
    const lines = step.split("\n");
    const end = lines.indexOf("----");
    const input = end < 0 ? lines : lines.slice(0, end);
    const words = input.filter((line) => !line.startsWith("#") && !line.startsWith("=="));
    if (words.length === 0) return step;
    return [...input, "----", ...words.flatMap((line) => world.run(line))].join("\n");
  });
  // Beyond what is written down, every watcher of every scenario saw the truth.
  expect(worlds.flatMap((world) => world.faults())).toEqual([]);
  return `${shown.join("\n\n")}\n`;
}
