import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BEHAVIOURS, BEHAVIOURS_LAST, MISSING } from "./behaviours.ts";

const TESTS = join(import.meta.dirname, "..");
const NAME_MIN = 6;

test("every behaviour is tested, or named with the feature that it needs", () => {
  const tested = BEHAVIOURS.map(({ number }) => number);
  const missing = Object.keys(MISSING).map(Number);
  const all = [...tested, ...missing].toSorted((one, other) => one - other);
  expect(all).toEqual(Array.from({ length: BEHAVIOURS_LAST }, (_, i) => i + 1));
  expect(BEHAVIOURS.filter(({ places }) => places.length === 0)).toEqual([]);
});

test.each(BEHAVIOURS)("$number: $text", ({ places }) => {
  for (const place of places) {
    const [file = "", name = ""] = place.split(" > ");
    const path = join(TESTS, file);
    expect(existsSync(path), file).toBe(true);
    expect(name.length, place).toBeGreaterThanOrEqual(NAME_MIN);
    expect(
      namesIn(path).some((one) => one.startsWith(name)),
      place,
    ).toBe(true);
  }
});

function isScenario(path: string): boolean {
  return path.includes("watch/scenarios");
}

/** Names of scenarios, of steps of a conversation, and of tests, as they are written down. */
function namesIn(path: string): string[] {
  const text = readFileSync(path, "utf8");
  if (isScenario(path)) return matches(text, /^== (.*)$/gm);
  if (path.endsWith(".txt"))
    return [...matches(text, /^# (.*)$/gm), ...matches(text, /{key:\w+ (.*)}$/gm)];
  return matches(text, /(?:test|it|describe)(?:\.\w+(?:\([^()]*\))?)*\(\s*"((?:[^"\\]|\\.)*)"/g);
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}
