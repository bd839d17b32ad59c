/**
 * `npm start -- [flags]`: from a fresh checkout to a running server. Installs when packages are
 * missing, builds when the sources changed, and then becomes the server: the same process, so that
 * signals and the pid are the server's.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { install } from "./install.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const DIST = path.join(ROOT, "dist");
const CLI = path.join(DIST, "cli.js");

/** @returns {boolean} Whether dist/ holds what src/ and its configuration make. */
function isBuilt() {
  if (!existsSync(CLI)) return false;
  const builtMs = statSync(CLI).mtimeMs;
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true })
    .map((name) => path.join("src", String(name)))
    .filter((name) => !name.endsWith(".test.ts"));
  return [...sources, "tsconfig.json", "tsconfig.build.json", "package-lock.json"].every(
    (name) => statSync(path.join(ROOT, name)).mtimeMs <= builtMs,
  );
}

/**
 * Builds beside dist/ and puts the result in its place by renaming: a suite may start three servers
 * at once on a fresh checkout, and none of them may see half of a build.
 * @returns {boolean}
 */
function build() {
  console.error("building (tsc)");
  const fresh = `${DIST}.${process.pid}.new`;
  const old = `${DIST}.${process.pid}.old`;
  const tsc = path.join(ROOT, "node_modules", ".bin", "tsc");
  const result = spawnSync(tsc, ["-p", "tsconfig.build.json", "--outDir", fresh], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  try {
    if (result.status !== 0) return false;
    // Somebody else may have been quicker, and may be loading from there already.
    if (isBuilt()) return true;
    if (existsSync(DIST)) renameSync(DIST, old);
    renameSync(fresh, DIST);
    return true;
  } catch (error) {
    // Another process put its build there between the two renames: as good as ours.
    if (existsSync(CLI)) return true;
    throw error;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
}

if (!isBuilt()) {
  if (install(ROOT) === "failed") {
    console.error("vedette: the packages cannot be installed (npm ci failed)");
    process.exit(1);
  }
  if (!build()) {
    console.error("vedette: the build failed");
    process.exit(1);
  }
}
await import(pathToFileURL(CLI).href);
