/** Brings node_modules to what package-lock.json says, when it is not there yet. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Whether node_modules holds exactly the locked versions. Compared by content, not by time: a git
 * checkout touches files that have not changed.
 * @param {string} root
 * @returns {boolean}
 */
export function isInstalled(root) {
  const installedFile = path.join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const locked = packagesOf(path.join(root, "package-lock.json"));
  const installed = packagesOf(installedFile);
  for (const [name, { version, optional }] of Object.entries(locked)) {
    if (name === "" || (optional === true && installed[name] === undefined)) continue;
    if (installed[name]?.version !== version) return false;
  }
  return true;
}

/**
 * Runs `npm ci` when needed. What npm says goes to stderr: a server's stdout is its own.
 * @param {string} root
 * @returns {"present" | "installed" | "failed"}
 */
export function install(root) {
  if (isInstalled(root)) return "present";
  console.error("installing the packages of package-lock.json (npm ci)");
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  return result.status === 0 ? "installed" : "failed";
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages ?? {};
}
