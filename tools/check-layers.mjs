/**
 * Holds the source to the table of rooms (tools/rooms.mjs) and to the house rules for which no
 * linter has a rule (tools/source-rules.mjs).
 *
 *     node tools/check-layers.mjs           check, exit 1 on faults
 *     node tools/check-layers.mjs --write   the same, after redrawing the picture in ARCHITECTURE.md
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { drawRooms, findRoomCycle, ROOMS } from "./rooms.mjs";
import { checkSource } from "./source-rules.mjs";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const FOLDERS = ["src", "test", "tools", "bench"];
const EXTENSIONS = [".ts", ".mts", ".mjs", ".js"];
const PICTURE = "ARCHITECTURE.md";
const PICTURE_BEGIN = "<!-- rooms: drawn by tools/check-layers.mjs --write -->\n```text\n";
const PICTURE_END = "\n```\n<!-- /rooms -->";

/**
 * Checks every source file below a root and the picture in its ARCHITECTURE.md.
 * @param {string} root
 * @returns {{ readonly files: number, readonly faults: readonly string[] }}
 */
export function checkLayers(root) {
  const manifest = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"));
  const packages = Object.keys(manifest.dependencies ?? {});
  /** @type {string[]} */
  const faults = [];
  const cycle = findRoomCycle(ROOMS);
  if (cycle !== undefined) faults.push(`tools/rooms.mjs: a circle: ${cycle.join(" -> ")}`);
  const files = FOLDERS.flatMap((folder) => sourcesBelow(root, folder));
  for (const file of files) {
    const text = readFileSync(path.join(root, file), "utf8");
    for (const fault of checkSource(file, text, { rooms: ROOMS, packages })) {
      faults.push(`${fault.file}:${fault.line}: ${fault.text}`);
    }
  }
  if (!files.some((file) => file.startsWith("src/"))) faults.push("no source file was checked");
  const page = path.join(root, PICTURE);
  if (existsSync(page)) {
    const text = readFileSync(page, "utf8");
    if (redraw(text) !== text) {
      faults.push(`${PICTURE}: the picture differs: node tools/check-layers.mjs --write`);
    }
  } else faults.push(`${PICTURE} is missing`);
  return { files: files.length, faults };
}

/**
 * The page with its picture drawn anew. A page without the two marks comes back changed, so that
 * losing them is a fault too.
 * @param {string} page
 * @returns {string}
 */
export function redraw(page) {
  const begin = page.indexOf(PICTURE_BEGIN);
  const end = page.indexOf(PICTURE_END, begin);
  const picture = `${PICTURE_BEGIN}${drawRooms(ROOMS)}`;
  if (begin === -1 || end === -1) return `${page}\n${picture}${PICTURE_END}\n`;
  return page.slice(0, begin) + picture + page.slice(end);
}

/**
 * @param {string} root
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesBelow(root, folder) {
  const absolute = path.join(root, folder);
  if (!existsSync(absolute)) return [];
  /** @type {string[]} */
  const files = [];
  for (const entry of readdirSync(absolute, { withFileTypes: true })) {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== "node_modules")
      files.push(...sourcesBelow(root, name));
    else if (entry.isFile() && EXTENSIONS.includes(path.extname(name))) files.push(name);
  }
  return files.sort();
}

function main() {
  if (process.argv.includes("--write")) {
    const page = path.join(ROOT, PICTURE);
    writeFileSync(page, redraw(readFileSync(page, "utf8")));
  }
  const { files, faults } = checkLayers(ROOT);
  for (const fault of faults) console.error(fault);
  console.log(`layers: ${files} files checked, ${faults.length} faults`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
