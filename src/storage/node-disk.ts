import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { assert } from "../base/assert.ts";
import { refuseForeignFolder } from "./data-folder.ts";
import type { Disk, DiskFile, Done } from "./disk.ts";
import { StorageError } from "./storage-error.ts";

const { O_RDWR, O_CREAT, O_TRUNC, O_DSYNC } = fs.constants;

/**
 * On Linux a write to a file that was opened with O_DSYNC returns when the bytes are durable: one
 * call instead of two. Elsewhere its promise is weaker (macOS leaves the drive's cache alone), so
 * there each write is followed by an fdatasync.
 */
const SYNCS_BY_FLAG: boolean = process.platform === "linux";

/** The data folder on a real disk. */
export class NodeDisk implements Disk {
  readonly place: string;
  readonly preallocates: boolean = true;
  readonly #lock: FolderLock;

  /**
   * Takes hold of a data folder, which is made with mode 0700 unless it exists.
   * @throws StorageError when the folder cannot be used or belongs to something else, or when
   *   another server has it.
   */
  static async open(folder: string): Promise<NodeDisk> {
    const place = path.resolve(folder);
    prepareFolder(place);
    return new NodeDisk(place, await FolderLock.take(place));
  }

  private constructor(place: string, lock: FolderLock) {
    this.place = place;
    this.#lock = lock;
  }

  list(folder: string): readonly string[] {
    try {
      return fs.readdirSync(this.#path(folder)).sort();
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw error;
    }
  }

  makeFolder(folder: string): void {
    if (fs.existsSync(this.#path(folder))) return;
    fs.mkdirSync(this.#path(folder), { mode: 0o700 });
    this.syncFolderNow(path.dirname(folder) === "." ? "" : path.dirname(folder));
  }

  openNow(name: string): DiskFile {
    return new NodeFile(name, fs.openSync(this.#path(name), openFlags(0)));
  }

  createNow(name: string): DiskFile {
    return new NodeFile(name, fs.openSync(this.#path(name), openFlags(O_CREAT | O_TRUNC), 0o600));
  }

  removeNow(name: string): void {
    fs.unlinkSync(this.#path(name));
  }

  syncFolderNow(folder: string): void {
    const descriptor = fs.openSync(this.#path(folder), "r");
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  }

  create(name: string, done: (error: Error | undefined, file: DiskFile | undefined) => void): void {
    fs.open(this.#path(name), openFlags(O_CREAT | O_TRUNC), 0o600, (error, descriptor) => {
      if (error !== null) done(error, undefined);
      else done(undefined, new NodeFile(name, descriptor));
    });
  }

  remove(name: string, done: Done): void {
    fs.unlink(this.#path(name), (error) => done(error ?? undefined));
  }

  syncFolder(folder: string, done: Done): void {
    fs.open(this.#path(folder), "r", (error, descriptor) => {
      if (error !== null) {
        done(error);
        return;
      }
      fs.fsync(descriptor, (unsynced) => {
        fs.close(descriptor, () => done(unsynced ?? undefined));
      });
    });
  }

  close(done: Done): void {
    this.#lock.release(() => done(undefined));
  }

  #path(name: string): string {
    return path.join(this.place, name);
  }
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(name: string, descriptor: number) {
    this.path = name;
    this.#descriptor = descriptor;
  }

  size(): number {
    return fs.fstatSync(this.#descriptor).size;
  }

  read(position: number, target: Uint8Array): number {
    let got = 0;
    while (got < target.length) {
      const more = fs.readSync(this.#descriptor, target, got, target.length - got, position + got);
      if (more === 0) break;
      got += more;
    }
    return got;
  }

  write(chunks: readonly Uint8Array[], position: number, done: Done): void {
    const only = chunks[0];
    if (chunks.length === 1 && only !== undefined) this.#writeOne(only, position, done);
    else this.#writeAll(chunks, position, done);
  }

  writeNow(bytes: Uint8Array, position: number): void {
    let written = 0;
    while (written < bytes.length) {
      const rest = bytes.length - written;
      written += fs.writeSync(this.#descriptor, bytes, written, rest, position + written);
    }
    fs.fdatasyncSync(this.#descriptor);
  }

  syncNow(): void {
    fs.fsyncSync(this.#descriptor);
  }

  truncateNow(length: number): void {
    fs.ftruncateSync(this.#descriptor, length);
    fs.fsyncSync(this.#descriptor);
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }

  #writeOne(bytes: Uint8Array, position: number, done: Done): void {
    fs.write(this.#descriptor, bytes, 0, bytes.length, position, (error, written) => {
      if (error !== null) done(error);
      // A short write: what is left says why, by an error or by going through.
      else if (written < bytes.length) {
        this.#writeOne(bytes.subarray(written), position + written, done);
      } else this.#sync(done);
    });
  }

  #writeAll(chunks: readonly Uint8Array[], position: number, done: Done): void {
    fs.writev(this.#descriptor, chunks, position, (error, written) => {
      if (error !== null) {
        done(error);
        return;
      }
      const rest = behind(chunks, written);
      if (rest.length === 0) this.#sync(done);
      else this.#writeAll(rest, position + written, done);
    });
  }

  #sync(done: Done): void {
    if (SYNCS_BY_FLAG) done(undefined);
    else fs.fdatasync(this.#descriptor, (error) => done(error ?? undefined));
  }
}

/** A lock's name: the process, then eight hex digits that tell two in one process apart. */
const LOCK_NAME = /^LOCK-(\d+)-[0-9a-f]{8}$/;
/** Rounds in which a server that starts waits for another one that starts as well to give way. */
const LOCK_ROUNDS_MAX = 10;
const LOCK_ROUND_MS = 50;
/** Longest path of a socket on every system: 104 bytes with the closing zero on macOS. */
const SOCKET_PATH_BYTES_MAX = 103;

/**
 * The hold on a data folder: a socket in it, listening. The kernel closes it when the process ends,
 * however that happens, and says so to whoever tries to connect: so a lock that was left behind is
 * never taken for a living one, nor the other way round, whatever became of process ids, and across
 * containers that share the folder.
 *
 * Two that start at once: each first listens, then looks for others, so at least one of them sees
 * the other. Of two that see each other, the one whose name sorts later gives way; the other looks
 * again. Only who has found nobody removes what dead ones left.
 */
class FolderLock {
  readonly #server: net.Server;
  readonly #directory: number;

  static async take(place: string): Promise<FolderLock> {
    const nonce = Math.floor(Math.random() * 2 ** 32);
    const name = `LOCK-${process.pid}-${nonce.toString(16).padStart(8, "0")}`;
    // A path through the open folder is short, however deep the folder lies.
    const directory = fs.openSync(place, "r");
    const prefix = process.platform === "linux" ? `/proc/self/fd/${directory}` : place;
    const server = net.createServer((socket) => socket.destroy());
    const lock = new FolderLock(server, directory);
    try {
      await listen(server, socketPath(prefix, name));
      for (let round = 0; ; round++) {
        const others = lockNames(place).filter((other) => other !== name);
        const alive = await aliveNames(prefix, others);
        if (alive.length === 0) {
          for (const dead of others) fs.rmSync(path.join(place, dead), { force: true });
          return lock;
        }
        const givesWay = alive.some((other) => other < name) || round === LOCK_ROUNDS_MAX;
        if (givesWay) throw heldBy(place, alive[0] ?? "");
        await new Promise((resolve) => setTimeout(resolve, LOCK_ROUND_MS));
      }
    } catch (error) {
      await new Promise<void>((resolve) => lock.release(resolve));
      if (error instanceof StorageError) throw error;
      const problem = `the data folder cannot be locked (${errorCode(error) ?? String(error)})`;
      const advice = "its file system must allow Unix sockets";
      throw new StorageError(problem, { file: place, advice }, error);
    }
  }

  private constructor(server: net.Server, directory: number) {
    this.#server = server;
    this.#directory = directory;
  }

  /** Gives the folder up; the socket's file goes with it. */
  release(done: () => void): void {
    this.#server.close(() => {
      fs.closeSync(this.#directory);
      done();
    });
  }
}

function lockNames(place: string): string[] {
  return fs.readdirSync(place).filter((name) => LOCK_NAME.test(name));
}

function heldBy(place: string, name: string): StorageError {
  const holder = LOCK_NAME.exec(name)?.[1] ?? "unknown";
  const problem = `another server has the data folder: process ${holder} (${name})`;
  return new StorageError(problem, {
    file: place,
    advice: "stop it, or choose another data folder",
  });
}

function socketPath(prefix: string, name: string): string {
  const whole = `${prefix}/${name}`;
  if (Buffer.byteLength(whole) <= SOCKET_PATH_BYTES_MAX) return whole;
  const problem = `the path is longer than ${SOCKET_PATH_BYTES_MAX} bytes with the lock's name`;
  throw new StorageError(problem, { file: prefix, advice: "choose a shorter one" });
}

function listen(server: net.Server, at: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(at, () => {
      server.unref();
      server.removeListener("error", reject);
      // Errors of single connections are of no interest: being reachable is all there is to do.
      server.on("error", () => {});
      resolve();
    });
  });
}

async function aliveNames(prefix: string, names: readonly string[]): Promise<readonly string[]> {
  const alive: string[] = [];
  for (const name of names) {
    if (await isListening(socketPath(prefix, name))) alive.push(name);
  }
  return alive;
}

/** Whether a process listens there. Only a clear no counts as one. */
function isListening(at: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(at);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error) => {
      socket.destroy();
      const code = errorCode(error);
      resolve(code !== "ECONNREFUSED" && code !== "ENOENT");
    });
  });
}

function openFlags(more: number): number {
  return O_RDWR | more | (SYNCS_BY_FLAG ? O_DSYNC : 0);
}

/** The chunks without their first `count` bytes. */
function behind(chunks: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skipped = count;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skipped >= chunk.length) {
      skipped -= chunk.length;
      continue;
    }
    rest.push(skipped === 0 ? chunk : chunk.subarray(skipped));
    skipped = 0;
  }
  assert(skipped === 0, "no more is written than there is");
  return rest;
}

/** Makes the folder, or checks that it is one and that nothing foreign would be written over. */
function prepareFolder(place: string): void {
  try {
    if (!fs.existsSync(place)) fs.mkdirSync(place, { recursive: true, mode: 0o700 });
    refuseForeignFolder(place, fs.readdirSync(place));
    fs.accessSync(place, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  } catch (error) {
    if (error instanceof StorageError) throw error;
    const advice = "start the server as the folder's owner, or choose another data folder";
    const problem = `the data folder cannot be used (${errorCode(error) ?? String(error)})`;
    throw new StorageError(problem, { file: place, advice }, error);
  }
}

function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
