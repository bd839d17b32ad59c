/**
 * `npm start -- [flags]`: from a fresh checkout to a running server. Installs when packages are
 * missing, builds when the sources changed, and then becomes the server: the same process, so that
 * signals and the pid are the server's.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { install } from "./install.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const CLI = path.join(ROOT, "dist", "cli.js");

/** @returns {boolean} Whether dist/ holds what src/ and its configuration make. */
function isBuilt() {
  if (!existsSync(CLI)) return false;
  const builtMs = statSync(CLI).mtimeMs;
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true }).map((name) =>
    path.join("src", String(name)),
  );
  return [...sources, "tsconfig.json", "tsconfig.build.json", "package-lock.json"].every(
    (name) => statSync(path.join(ROOT, name)).mtimeMs <= builtMs,
  );
}

/** @returns {boolean} */
function build() {
  console.error("building (tsc)");
  const tsc = path.join(ROOT, "node_modules", ".bin", "tsc");
  const result = spawnSync(tsc, ["-p", "tsconfig.build.json"], {
    cwd: ROOT,
    stdio: ["ignore", 2, 2],
  });
  return result.status === 0;
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
