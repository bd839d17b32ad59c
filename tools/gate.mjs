/**
 * The gate: everything a change has to pass, in one command, on any machine with Node.
 *
 *     npm test                        all stages
 *     node tools/gate.mjs types lint  only these
 *
 * Every stage runs even when an earlier one failed, so that one run shows all there is to mend. The
 * last line counts tests; a failed stage counts as one failure. With CI=true a skipped test is a
 * failure as well: there, everything that a test needs can be had.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { install } from "./install.mjs";
import { setup } from "./setup.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
/** Twice the budget of a whole run: past it something hangs. */
const STAGE_SECONDS_MAX = 20 * 60;

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */
/** @typedef {() => Promise<Counts>} Stage */

/** @type {Readonly<Record<string, Stage>>} */
const STAGES = {
  format: () => check("biome", ["format", "."]),
  types: async () =>
    sum(
      await check("tsc", ["--noEmit", "-p", "tsconfig.json"]),
      await check("tsc", ["--noEmit", "-p", "tsconfig.tools.json"]),
    ),
  lint: () => check("oxlint", ["--type-aware", "--deny-warnings"]),
  layers: () => check("node", ["tools/check-layers.mjs"]),
  build: () => check("tsc", ["-p", "tsconfig.build.json"]),
  tests: runTests,
};

/**
 * @param {readonly string[]} names
 * @returns {Promise<number>} The exit code.
 */
async function main(names) {
  const unknown = names.find((name) => STAGES[name] === undefined);
  if (unknown !== undefined) {
    console.error(`no stage called ${unknown}; there are ${Object.keys(STAGES).join(", ")}`);
    return 2;
  }
  if (install(ROOT) === "failed") {
    console.error("npm ci failed, so nothing can be checked");
    return 1;
  }
  const chosen = names.length === 0 ? Object.keys(STAGES) : names;
  const missing = chosen.includes("tests") ? setup() : [];

  let total = sum();
  const begin = Date.now();
  for (const name of chosen) {
    const stage = STAGES[name];
    if (stage === undefined) continue;
    const stageBegin = Date.now();
    console.log(`--- ${name}`);
    const counts = await stage();
    total = sum(total, counts);
    const verdict = counts.failed === 0 ? "ok" : "FAILED";
    console.log(`--- ${name}: ${verdict}, ${secondsSince(stageBegin)} s`);
  }
  console.log(`--- all: ${secondsSince(begin)} s`);
  for (const line of missing) console.log(line);

  const skipsFail = process.env["CI"] === "true" && total.skipped > 0;
  if (skipsFail) console.log("skipped tests fail the gate when CI=true");
  const skipped = total.skipped === 0 ? "" : `, ${total.skipped} skipped`;
  console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
  return total.failed > 0 || skipsFail ? 1 : 0;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<Counts>}
 */
async function check(command, args) {
  const ok = (await run(command, args)) === 0;
  return { passed: 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** @returns {Promise<Counts>} */
async function runTests() {
  const folder = mkdtempSync(path.join(tmpdir(), "vedette-gate-"));
  const report = path.join(folder, "report.json");
  try {
    const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const code = await run("vitest", args);
    return countReport(readFileSync(report, "utf8"), code);
  } catch (error) {
    console.error("vitest left no report:", error);
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Counts vitest's JSON report. A file that could not be loaded has no tests and still failed, and a
 * run can fail with no failed test (an error outside of any): each is one failure.
 * @param {string} json
 * @param {number} exitCode vitest's own
 * @returns {Counts}
 */
export function countReport(json, exitCode) {
  const report = JSON.parse(json);
  /** @type {Record<string, number>} */
  const byStatus = {};
  let failed = 0;
  for (const file of report.testResults) {
    let failedHere = 0;
    for (const { status } of file.assertionResults) {
      byStatus[status] = (byStatus[status] ?? 0) + 1;
      if (status === "failed") failedHere++;
    }
    failed += file.status === "failed" ? Math.max(1, failedHere) : failedHere;
  }
  const passed = byStatus["passed"] ?? 0;
  const all = Object.values(byStatus).reduce((left, right) => left + right, 0);
  if (failed === 0 && (exitCode !== 0 || passed === 0)) failed = 1;
  return { passed, failed, skipped: all - passed - (byStatus["failed"] ?? 0) };
}

/**
 * @param {readonly Counts[]} counts
 * @returns {Counts}
 */
function sum(...counts) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const { passed, failed, skipped } of counts) {
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  return total;
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<number>} The exit code; 1 when it was ended by a signal or could not start.
 */
function run(command, args) {
  const bin = path.join(ROOT, "node_modules", ".bin");
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      stdio: ["ignore", "inherit", "inherit"],
      timeout: STAGE_SECONDS_MAX * 1000,
      env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env["PATH"] ?? ""}` },
    });
    child.on("error", (error) => {
      console.error(`${command}: ${error.message}`);
      resolve(1);
    });
    child.on("exit", (code, signal) => {
      if (signal !== null) console.error(`${command}: ended by ${signal}`);
      resolve(code ?? 1);
    });
  });
}

/**
 * @param {number} beginMs
 * @returns {string}
 */
function secondsSince(beginMs) {
  return ((Date.now() - beginMs) / 1000).toFixed(1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exitCode = await main(process.argv.slice(2));
}
