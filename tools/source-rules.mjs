/** The house rules over one source file: what it imports, and what it must not contain. */
import { builtinModules } from "node:module";
import path from "node:path";
import { parseSync } from "oxc-parser";
import { roomOf } from "./rooms.mjs";

/** @typedef {import("./rooms.mjs").Room} Room */
/** @typedef {{ readonly file: string, readonly line: number, readonly text: string }} Fault */
/** @typedef {{ readonly type: string, readonly start: number } & Record<string, any>} Node */
/**
 * @typedef {object} House
 * @property {Readonly<Record<string, Room>>} rooms
 * @property {readonly string[]} packages npm packages that the product may import.
 */

const FILE_LINES_MAX = 500;
const LINE_COLUMNS_MAX = 100;

/** Reach of time and chance: a room that has these handed in must not take them itself. */
const TIME_AND_CHANCE = new Set([
  "Date",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "crypto",
]);
/** Everything else of the world that a pure room has no business with. */
const WORLD = new Set([
  "queueMicrotask",
  "process",
  "console",
  "fetch",
  "globalThis",
  "global",
  "require",
  "WebSocket",
  "Worker",
  "MessageChannel",
  "BroadcastChannel",
  "Atomics",
]);
const MUTABLE_COLLECTIONS = new Set(["Map", "Set", "WeakMap", "WeakSet", "Array"]);
const TEST_WORDS = new Set(["test", "it", "describe", "suite", "bench"]);
const LEFTOVER = /\b(TODO|FIXME|XXX|HACK)\b/;

/**
 * All faults of one file.
 * @param {string} file Path from the root of the repository, with forward slashes.
 * @param {string} text
 * @param {House} house
 * @returns {Fault[]}
 */
export function checkSource(file, text, house) {
  const parsed = parseSync(file, text, { sourceType: "module" });
  /** @type {Fault[]} */
  const faults = [];
  /** @type {(start: number, message: string) => void} */
  const report = (start, message) => {
    faults.push({ file, line: lineAt(text, start), text: message });
  };
  for (const error of parsed.errors) report(error.labels[0]?.start ?? 0, error.message);
  const product = file.startsWith("src/") && !isTest(file);
  const room = roomNameOf(file);

  if (file.startsWith("src/")) {
    if (room !== undefined && house.rooms[room] === undefined) {
      report(0, `src/${room}/ is not a room of tools/rooms.mjs`);
    }
    checkSize(text, report);
  }
  for (const comment of parsed.comments) {
    const word = LEFTOVER.exec(comment.value)?.[1];
    if (word !== undefined) report(comment.start, `leftover ${word}`);
  }
  const program = /** @type {Node} */ (/** @type {unknown} */ (parsed.program));
  const context = { file, room, product, house, report };
  if (product) checkModuleState(program, report);
  walk(program, undefined, "", (node, parent, key) => checkNode(node, parent, key, context));
  return faults;
}

/** @typedef {(start: number, message: string) => void} Report */
/**
 * @typedef {object} Context
 * @property {string} file
 * @property {string | undefined} room
 * @property {boolean} product Whether it ships: under src/ and no test.
 * @property {House} house
 * @property {Report} report
 */

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} key
 * @param {Context} context
 */
function checkNode(node, parent, key, context) {
  checkImport(node, context);
  if (node.type === "ExportDefaultDeclaration" && !context.file.endsWith(".config.ts")) {
    context.report(node.start, "default export");
  }
  if (isTest(context.file)) checkTestSwitch(node, context.report);
  if (!context.product || context.room === undefined) return;
  const room = context.house.rooms[context.room];
  if (room === undefined || room.purity === "free" || isEdge(context.file, room)) return;
  checkWorld(node, parent, key, context);
}

/**
 * @param {Node} node
 * @param {Context} context
 */
function checkImport(node, context) {
  const isImport =
    node.type === "ImportDeclaration" ||
    node.type === "ExportNamedDeclaration" ||
    node.type === "ExportAllDeclaration" ||
    node.type === "ImportExpression" ||
    node.type === "TSImportType";
  if (!isImport || node["source"] === null || !context.file.startsWith("src/")) return;
  const target = node["source"]?.value;
  if (typeof target !== "string") {
    context.report(node.start, "import of a computed name");
    return;
  }
  const typeOnly =
    node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type";
  const message = target.startsWith(".")
    ? relativeImportFault(target, context)
    : packageImportFault(target, typeOnly, context);
  if (message !== undefined) context.report(node.start, message);
}

/**
 * @param {string} target
 * @param {Context} context
 * @returns {string | undefined}
 */
function relativeImportFault(target, { file, room, house }) {
  const resolved = path.posix.join(path.posix.dirname(file), target);
  if (!resolved.startsWith("src/")) {
    return isTest(file) ? undefined : `imports ${resolved}, which is no part of the product`;
  }
  if (isTest(resolved) && !isTest(file)) return `imports the test file ${resolved}`;
  if (room === undefined) return undefined;
  const inside = resolved.slice("src/".length);
  const other = roomNameOf(resolved);
  if (other === room) return undefined;
  const allowed = house.rooms[room]?.imports ?? [];
  if (other !== undefined && (allowed.includes(other) || allowed.includes(inside))) {
    return undefined;
  }
  const targets = allowed.length === 0 ? "nothing" : allowed.join(", ");
  return `${room} may import ${targets}, not ${inside}`;
}

/**
 * @param {string} target
 * @param {boolean} typeOnly
 * @param {Context} context
 * @returns {string | undefined}
 */
function packageImportFault(target, typeOnly, { file, room, product, house }) {
  if (!product) return undefined;
  const rules = room === undefined ? undefined : house.rooms[room];
  const builtin = target.startsWith("node:") || builtinModules.includes(target);
  if (builtin && !target.startsWith("node:")) return `write node:${target}`;
  if (builtin) {
    const closed = rules?.purity === "pure" && !isEdge(file, rules) && !typeOnly;
    return closed ? `${room} is pure and may not import ${target}` : undefined;
  }
  if (rules !== undefined && rules.packages !== true) {
    return `${room} may not import packages, so not ${target}`;
  }
  const name = target.split("/", target.startsWith("@") ? 2 : 1).join("/");
  return house.packages.includes(name) ? undefined : `${name} is not in package.json dependencies`;
}

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} key
 * @param {Context} context
 */
function checkWorld(node, parent, key, { room, house, report }) {
  const pure = room !== undefined && house.rooms[room]?.purity === "pure";
  if (node.type === "Identifier") {
    // A shorthand `{ process }` is met twice, as the name and as the value: the value counts.
    const isName = (key === "property" || key === "key") && parent?.["computed"] === false;
    if (isName) return;
    const name = node["name"];
    if (TIME_AND_CHANCE.has(name) || (pure && (WORLD.has(name) || name === "Promise"))) {
      report(node.start, `${name} in ${room}`);
    }
  }
  const isMathRandom =
    node.type === "MemberExpression" &&
    node["object"].name === "Math" &&
    (node["property"].name === "random" || node["property"].value === "random");
  if (isMathRandom) report(node.start, `Math.random in ${room}`);
  if (!pure) return;
  const waits = node["async"] === true || node.type === "AwaitExpression" || node["await"] === true;
  if (waits) report(node.start, `async code in ${room}, which is pure`);
}

/**
 * State at module level outlives every store and server of the process, and its tests share it.
 * Functions there are declarations: they have names in stacks and may stand below their callers.
 * @param {Node} program
 * @param {Report} report
 */
function checkModuleState(program, report) {
  for (const statement of program["body"]) {
    const declaration = statement["declaration"] ?? statement;
    if (declaration.type === "VariableDeclaration" && declaration["declare"] !== true) {
      for (const { start, id, init } of declaration["declarations"]) {
        if (declaration["kind"] !== "const")
          report(start, `${declaration["kind"]} at module level`);
        else if (isMutableCollection(id, init)) {
          report(start, `${id.name} can change: type it Readonly..., or give it an owner`);
        }
        if (init?.type === "ArrowFunctionExpression" || init?.type === "FunctionExpression") {
          report(start, `${id.name} is a function: write function ${id.name}()`);
        }
      }
    }
    if (declaration.type !== "ClassDeclaration") continue;
    for (const member of declaration["body"].body) {
      if (member.type === "PropertyDefinition" && member.static && !member.readonly) {
        report(member.start, "static field that can change");
      }
    }
  }
}

/**
 * @param {Node} id
 * @param {Node | null} init
 * @returns {boolean}
 */
function isMutableCollection(id, init) {
  const made =
    (init?.type === "NewExpression" && MUTABLE_COLLECTIONS.has(init["callee"].name)) ||
    (init?.type === "ArrayExpression" && init["elements"].length === 0) ||
    (init?.type === "ObjectExpression" && init["properties"].length === 0);
  if (!made) return false;
  const type = id["typeAnnotation"]?.typeAnnotation;
  const readonly =
    (type?.type === "TSTypeOperator" && type.operator === "readonly") ||
    (type?.type === "TSTypeReference" && (type.typeName.name ?? "").startsWith("Readonly"));
  return !readonly;
}

/**
 * @param {Node} node
 * @param {Report} report
 */
function checkTestSwitch(node, report) {
  if (node.type !== "MemberExpression" || node["computed"]) return;
  const name = node["property"].name;
  if (name !== "skip" && name !== "only" && name !== "todo") return;
  let object = node["object"];
  while (object.type === "MemberExpression" || object.type === "CallExpression") {
    object = object.type === "CallExpression" ? object.callee : object.object;
  }
  if (TEST_WORDS.has(object.name)) report(node.start, `${object.name}.${name} left in a test`);
}

/**
 * @param {string} text
 * @param {Report} report
 */
function checkSize(text, report) {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  if (lines.length > FILE_LINES_MAX) {
    report(text.length, `${lines.length} lines, more than ${FILE_LINES_MAX}`);
  }
  let start = 0;
  for (const line of lines) {
    if (line.length > LINE_COLUMNS_MAX && !line.includes("://")) {
      report(start, `${line.length} columns, more than ${LINE_COLUMNS_MAX}`);
    }
    start += line.length + 1;
  }
}

/**
 * @param {string} file
 * @returns {string | undefined} undefined for the wiring in src/ itself, and outside of src/.
 */
function roomNameOf(file) {
  const inside = file.startsWith("src/") ? file.slice("src/".length) : "";
  return inside.includes("/") ? roomOf(inside) : undefined;
}

/**
 * @param {string} file
 * @returns {boolean}
 */
function isTest(file) {
  return file.startsWith("test/") || file.endsWith(".test.ts");
}

/**
 * @param {string} file
 * @param {Room} room
 * @returns {boolean}
 */
function isEdge(file, room) {
  return room.impureFiles?.includes(file.slice("src/".length)) ?? false;
}

/**
 * @param {string} text
 * @param {number} offset
 * @returns {number}
 */
function lineAt(text, offset) {
  let line = 1;
  for (let i = text.indexOf("\n"); i !== -1 && i < offset; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/**
 * @param {Node} node
 * @param {Node | undefined} parent
 * @param {string} key The field of the parent that holds the node.
 * @param {(node: Node, parent: Node | undefined, key: string) => void} visit
 */
function walk(node, parent, key, visit) {
  visit(node, parent, key);
  for (const field of Object.keys(node)) {
    const value = node[field];
    if (Array.isArray(value)) {
      for (const child of value) {
        if (typeof child?.type === "string") walk(child, node, field, visit);
      }
    } else if (typeof value?.type === "string") walk(value, node, field, visit);
  }
}
