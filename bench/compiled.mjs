import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Imports a TypeScript file of bench/ or test/ in plain Node, which cannot read TypeScript itself:
 * compiles what `bench/tsconfig.json` names into a cache folder first (about a second).
 * @param {string} file Relative to the checkout, for example "bench/bench.ts".
 * @returns {Promise<any>} The module.
 */
export async function importCompiled(file) {
  const cache = join(ROOT, "node_modules/.cache/vedette-tools");
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, "package.json"), '{ "type": "module" }\n');
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  execFileSync(tsc, ["-p", join(ROOT, "bench/tsconfig.json")], { stdio: "inherit" });
  process.env["VEDETTE_ROOT"] = ROOT;
  return import(pathToFileURL(join(cache, file.replace(/\.ts$/, ".js"))).href);
}
