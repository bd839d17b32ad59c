import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { countReport } from "./gate.mjs";
import { isInstalled } from "./install.mjs";

function report(...files: readonly { status: string; tests: readonly string[] }[]): string {
  return JSON.stringify({
    testResults: files.map(({ status, tests }) => ({
      status,
      assertionResults: tests.map((each) => ({ status: each })),
    })),
  });
}

test("tests are counted by their result", () => {
  const json = report(
    { status: "passed", tests: ["passed", "skipped", "passed"] },
    { status: "failed", tests: ["failed", "passed", "failed"] },
    { status: "passed", tests: ["pending", "todo"] },
  );
  expect(countReport(json, 1)).toEqual({ passed: 3, failed: 2, skipped: 3 });
});

test("a file that could not be loaded is a failure though it has no tests", () => {
  const json = report({ status: "passed", tests: ["passed"] }, { status: "failed", tests: [] });
  expect(countReport(json, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test("a run that failed outside of every test is a failure", () => {
  const json = report({ status: "passed", tests: ["passed"] });
  expect(countReport(json, 0)).toEqual({ passed: 1, failed: 0, skipped: 0 });
  expect(countReport(json, 1)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test("a run in which nothing passed is a failure", () => {
  expect(countReport(report(), 0).failed).toBe(1);
  expect(countReport(report({ status: "passed", tests: ["skipped"] }), 0).failed).toBe(1);
});

let root = "";
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), "vedette-install-"));
  mkdirSync(path.join(root, "node_modules"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function lock(file: string, packages: object): void {
  writeFileSync(path.join(root, file), JSON.stringify({ packages }));
}

test("packages are installed when every locked version is there", () => {
  lock("package-lock.json", { "": {}, "node_modules/a": { version: "1.0.0" } });
  expect(isInstalled(root)).toBe(false);
  lock("node_modules/.package-lock.json", { "node_modules/a": { version: "1.0.0" } });
  expect(isInstalled(root)).toBe(true);
});

test("another version or a missing package calls for an install", () => {
  const installed = { "node_modules/a": { version: "1.0.0" } };
  lock("node_modules/.package-lock.json", installed);
  lock("package-lock.json", { "node_modules/a": { version: "1.0.1" } });
  expect(isInstalled(root)).toBe(false);
  lock("package-lock.json", { ...installed, "node_modules/b": { version: "1.0.0" } });
  expect(isInstalled(root)).toBe(false);
});

test("an optional package may be missing: it is for another platform", () => {
  lock("node_modules/.package-lock.json", {});
  lock("package-lock.json", { "node_modules/b": { version: "1.0.0", optional: true } });
  expect(isInstalled(root)).toBe(true);
});
