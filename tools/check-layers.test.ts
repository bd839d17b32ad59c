import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkLayers, redraw } from "./check-layers.mjs";

let root = "";

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "vedette-layers-"));
  put("package.json", "{}");
  put("ARCHITECTURE.md", redraw("# Architecture\n"));
  put("src/base/clean.ts", "export const clean = 1;\n");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function put(file: string, text: string): void {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), text);
}

test("a clean tree passes, and says how many files it read", () => {
  put("test/base/clean.test.ts", "");
  expect(checkLayers(root)).toEqual({ files: 2, faults: [] });
});

test("a fault is told with its file and line", () => {
  put("src/mvcc/deep/bad.ts", '\nimport { hub } from "../../watch/hub.ts";\n');
  expect(checkLayers(root).faults).toEqual([
    "src/mvcc/deep/bad.ts:2: mvcc may import base, storage, not watch/hub.ts",
  ]);
});

test("a tree without sources fails, so that a wrong folder never passes", () => {
  rmSync(path.join(root, "src"), { recursive: true });
  expect(checkLayers(root)).toEqual({ files: 0, faults: ["no source file was checked"] });
});

test("a picture that differs from the table fails", () => {
  put("ARCHITECTURE.md", redraw("# Architecture\n").replace("mvcc (pure)", "mvcc (free)"));
  expect(checkLayers(root).faults).toEqual([expect.stringContaining("the picture differs")]);
});

test("a page that lost its picture fails", () => {
  put("ARCHITECTURE.md", "# Architecture\n");
  expect(checkLayers(root).faults).toEqual([expect.stringContaining("the picture differs")]);
});

test("a missing page fails", () => {
  rmSync(path.join(root, "ARCHITECTURE.md"));
  expect(checkLayers(root).faults).toEqual(["ARCHITECTURE.md is missing"]);
});

test("redrawing keeps the text around the picture and is done after one time", () => {
  const page = redraw("# Architecture\n").replace("mvcc (pure)", "old") + "\nmore text\n";
  const drawn = redraw(page);
  expect(drawn).toContain("mvcc (pure)");
  expect(drawn).toMatch(/^# Architecture\n[^]*\nmore text\n$/);
  expect(redraw(drawn)).toBe(drawn);
});
