import { execFile } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";

/** The checkout; tools that run from a compiled copy of this file say where it is. */
const ROOT = process.env["VEDETTE_ROOT"] ?? join(import.meta.dirname, "../..");

/**
 * The path of a runnable `cli.js` of the present sources. Built once per state of `src` into the
 * cache folder of node_modules, so that test files that run at the same time share it and nobody
 * ever runs a half-written build: the folder appears by one rename.
 */
export async function builtServer(): Promise<string> {
  const given = process.env["VEDETTE_CLI"];
  if (given !== undefined) return given;
  const cache = join(ROOT, "node_modules/.cache/vedette");
  const folder = join(cache, sourceState());
  if (!existsSync(folder)) {
    mkdirSync(cache, { recursive: true });
    const building = mkdtempSync(join(cache, "building-"));
    const tsc = join(ROOT, "node_modules/.bin/tsc");
    const config = join(ROOT, "tsconfig.build.json");
    await compile(tsc, ["-p", config, "--outDir", join(building, "dist")], building);
    copyFileSync(join(ROOT, "package.json"), join(building, "package.json"));
    prune(cache);
    try {
      renameSync(building, folder);
    } catch (error) {
      // Another test file was first: its build is as good as ours.
      if (!existsSync(folder)) throw error;
      rmSync(building, { recursive: true, force: true });
    }
  }
  return join(folder, "dist/cli.js");
}

/** A build with errors is no build: its folder goes, and the compiler's words are the failure. */
async function compile(tsc: string, args: readonly string[], building: string): Promise<void> {
  try {
    await promisify(execFile)(tsc, args, { cwd: ROOT });
  } catch (error) {
    rmSync(building, { recursive: true, force: true });
    const said = error instanceof Error && "stdout" in error ? String(error.stdout) : "";
    throw new Error(`the server does not compile:\n${said}`, { cause: error });
  }
}

const KEPT_BUILD_MS = 3_600_000;

/** Removes builds of sources that are no more; young ones may be in use by another test file. */
function prune(cache: string): void {
  for (const name of readdirSync(cache)) {
    const path = join(cache, name);
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > KEPT_BUILD_MS) rmSync(path, { recursive: true, force: true });
  }
}

function sourceState(): string {
  const hash = createHash("sha256");
  const files = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  for (const file of files.sort()) {
    const stat = statSync(join(ROOT, "src", file));
    if (stat.isFile()) hash.update(`${file} ${stat.size} ${stat.mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}
