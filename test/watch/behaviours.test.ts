import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { BEHAVIOURS, BEHAVIOURS_LAST, MISSING } from "./behaviours.ts";

const TESTS = join(import.meta.dirname, "..");
const NAME_MIN = 6;

test("every behaviour is tested, or named with the feature that it needs", () => {
  const tested = BEHAVIOURS.map(({ number }) => number);
  expect(new Set(tested).size).toBe(tested.length);
  const missing = Object.entries(MISSING).map(([number, { isRest }]) => [Number(number), isRest]);
  // Who has a test is missing in part, or not at all.
  for (const [number, isRest] of missing) {
    expect([number, tested.includes(number as number)]).toEqual([number, isRest]);
  }
  const all = new Set([...tested, ...missing.map(([number]) => number as number)]);
  expect([...all].toSorted((one, other) => one - other)).toEqual(
    Array.from({ length: BEHAVIOURS_LAST }, (_, i) => i + 1),
  );
  expect(BEHAVIOURS.filter(({ places }) => places.length === 0)).toEqual([]);
});

test.each(BEHAVIOURS)("$number: $text", ({ places }) => {
  for (const place of places) expect(faultOf(place)).toBeUndefined();
});

describe("a place counts only where a test runs", () => {
  const text = [
    'test("that runs", () => {});',
    'describe("a group", () => { it.each(all)("each of %s", () => {}); });',
    'test(\n  "over two lines",\n  () => {},\n);',
    '// test("that is a remark", () => {});',
    ' * test("that is in a docstring", () => {});',
    'test.skip("that is passed over", () => {});',
    'test.todo("that is to be written");',
    'describe.skipIf(!here)("that needs something", () => {});',
  ].join("\n");

  test("names of tests and groups, and of nothing else", () => {
    const names = ["that runs", "a group", "each of %s", "over two lines"];
    expect(namesIn("api/some.test.ts", text)).toEqual(names);
    // A file that vitest does not run.
    expect(namesIn("api/some.ts", text)).toEqual([]);
  });

  test("scenarios by their titles, conversations by their remarks", () => {
    const scenario = "== A title\n# A remark\nput a 1\n----\n";
    expect(namesIn("watch/scenarios/some.txt", scenario)).toEqual(["A title"]);
    expect(namesIn("conformance/scenarios/some.txt", scenario)).toEqual(["A remark"]);
  });

  test("not a file that is not there, a name that is not in it, or one that says nothing", () => {
    expect(faultOf("watch/absent.test.ts > some name")).toBeDefined();
    expect(faultOf("watch/hub.test.ts > some name that nobody has")).toBeDefined();
    expect(faultOf("watch/hub.test.ts > ")).toBeDefined();
  });
});

/** What is wrong with a place of the table. */
function faultOf(place: string): string | undefined {
  const [file = "", name = ""] = place.split(" > ");
  const path = join(TESTS, file);
  if (!existsSync(path)) return `no file ${file}`;
  if (name.length < NAME_MIN) return `a name that could be any: ${place}`;
  const isThere = namesIn(file, readFileSync(path, "utf8")).some((one) => one.startsWith(name));
  return isThere ? undefined : `no test ${place}`;
}

/** Names of scenarios, of steps of a conversation, and of tests, as they are written down. */
function namesIn(file: string, text: string): string[] {
  if (file.startsWith("watch/scenarios/")) return matches(text, /^== (.*)$/gm);
  if (file.endsWith(".txt"))
    return [...matches(text, /^# (.*)$/gm), ...matches(text, /{key:\w+ (.*)}$/gm)];
  if (!file.endsWith(".test.ts")) return [];
  const code = text.replaceAll(/^\s*(?:\/\/|\*|\/\*).*$/gm, "");
  return matches(code, /\b(?:test|it|describe)(?:\.each(?:\([^()]*\))?)?\(\s*"((?:[^"\\]|\\.)*)"/g);
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map((match) => match[1] ?? "");
}
