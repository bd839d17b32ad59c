/**
 * The rooms of src/ and which room may import which: the only place where this is written down.
 * tools/check-layers.mjs holds the source to it and draws the picture in ARCHITECTURE.md from it.
 */

/**
 * What a room may touch of the world:
 * - "pure": synchronous functions of their inputs. No promise, clock, timer, chance, process,
 *   console, file or socket.
 * - "handed-in": may wait, but its clock, timers and chance come as arguments.
 * - "free": anything Node has.
 * @typedef {"pure" | "handed-in" | "free"} Purity
 */

/**
 * @typedef {object} Room
 * @property {string} says What the room is for, in a few words.
 * @property {readonly string[]} imports Rooms, or single files of rooms, that it may import.
 * @property {Purity} purity
 * @property {readonly string[]} [impureFiles] Files of a pure room that are its edge to the world.
 * @property {boolean} [packages] Whether it may import npm packages (package.json dependencies).
 */

/**
 * From the top of the house to its ground. A room imports only rooms that stand below it.
 * @type {Readonly<Record<string, Room>>}
 */
export const ROOMS = {
  transport: {
    says: "HTTP/2, gRPC, HTTP/1: bytes and calls, never a key",
    imports: ["base", "api/call.ts"],
    purity: "free",
    packages: true,
  },
  api: {
    says: "what each RPC of etcd means",
    imports: ["base", "mvcc", "watch", "machine", "replica"],
    purity: "handed-in",
    packages: true,
  },
  replica: {
    says: "the order of commands, and when a result may leave",
    imports: ["base", "storage", "mvcc", "watch", "machine"],
    purity: "free",
    packages: true,
  },
  machine: {
    says: "commands to results and events",
    imports: ["base", "mvcc"],
    purity: "pure",
  },
  watch: {
    says: "events to the streams they go to",
    imports: ["base", "mvcc"],
    purity: "pure",
  },
  mvcc: {
    says: "every revision of every key",
    imports: ["base", "storage"],
    purity: "pure",
  },
  storage: {
    says: "the append-only log on disk",
    imports: ["base"],
    purity: "pure",
    impureFiles: ["storage/node-disk.ts"],
  },
  base: {
    says: "tools with no opinion",
    imports: [],
    purity: "pure",
  },
};

/** What stands outside of the rooms, as the picture shows it. */
export const WIRING = {
  name: "src/*.ts",
  says: "wiring: builds the rooms; owns clock, disk, sockets, flags",
};

/**
 * A room of the table that can reach itself, as a path of names; undefined when arrows only go down.
 * @param {Readonly<Record<string, Room>>} rooms
 * @returns {readonly string[] | undefined}
 */
export function findRoomCycle(rooms) {
  /** @type {(name: string, path: readonly string[]) => readonly string[] | undefined} */
  const visit = (name, path) => {
    if (path.includes(name)) return [...path, name];
    for (const target of rooms[name]?.imports ?? []) {
      const cycle = visit(roomOf(target), [...path, name]);
      if (cycle !== undefined) return cycle;
    }
    return undefined;
  };
  for (const name of Object.keys(rooms)) {
    const cycle = visit(name, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/**
 * The room of an import target of the table: `api/call.ts` stands in `api`.
 * @param {string} target
 * @returns {string}
 */
export function roomOf(target) {
  const slash = target.indexOf("/");
  return slash === -1 ? target : target.slice(0, slash);
}

/**
 * The picture for ARCHITECTURE.md: rooms that may not see each other and stand on the same ground
 * share a row, every other row stands on the rows below it.
 * @param {Readonly<Record<string, Room>>} rooms
 * @returns {string}
 */
export function drawRooms(rooms) {
  const inner = 76;
  const edge = `+${"-".repeat(inner + 2)}+`;
  /** @type {string[]} */
  const lines = [edge, boxLine(`${WIRING.name}   ${WIRING.says}`, inner), edge];
  for (const row of rowsOf(rooms)) {
    const width = Math.floor((inner - 3 * (row.length - 1)) / row.length);
    const cells = row.map((name) => cellLines(name, rooms, width));
    for (let i = 0; i < 3; i++) {
      lines.push(boxLine(cells.map((cell) => (cell[i] ?? "").padEnd(width)).join(" | "), inner));
    }
    lines.push(edge);
  }
  return lines.join("\n");
}

/**
 * @param {Readonly<Record<string, Room>>} rooms
 * @returns {string[][]}
 */
function rowsOf(rooms) {
  /** @type {string[][]} */
  const rows = [];
  for (const name of Object.keys(rooms)) {
    const above = rows.at(-1);
    const sharesGround =
      above !== undefined &&
      above.every((other) => rooms[other]?.imports.join() === rooms[name]?.imports.join());
    if (sharesGround) above.push(name);
    else rows.push([name]);
  }
  return rows;
}

/**
 * @param {string} name
 * @param {Readonly<Record<string, Room>>} rooms
 * @param {number} width
 * @returns {string[]}
 */
function cellLines(name, rooms, width) {
  const room = rooms[name];
  if (room === undefined) throw new Error(`no room called ${name}`);
  const targets = room.imports.length === 0 ? "nothing" : room.imports.join(", ");
  const lines = [
    `${name}${room.purity === "pure" ? " (pure)" : ""}`,
    `  ${room.says}`,
    `  imports: ${targets}`,
  ];
  for (const line of lines) {
    if (line.length > width) throw new Error(`too long for the picture (${width}): ${line}`);
  }
  return lines;
}

/**
 * @param {string} text
 * @param {number} inner
 * @returns {string}
 */
function boxLine(text, inner) {
  return `| ${text.padEnd(inner)} |`;
}
