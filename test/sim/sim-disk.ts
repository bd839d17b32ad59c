import type { Disk, DiskFile, Done } from "../../src/storage/disk.ts";
import { SimFile } from "./sim-file.ts";
import { SimRandom } from "./sim-random.ts";

/** Thrown by the call at which the simulated machine stops. */
export class SimCrash extends Error {
  override readonly name = "SimCrash";
}

/** An error as a real disk gives it. */
export class SimDiskError extends Error {
  override readonly name = "SimDiskError";
  readonly code: "EIO" | "ENOSPC";

  constructor(code: "EIO" | "ENOSPC") {
    super(`simulated ${code}`);
    this.code = code;
  }
}

export type DiskCall = "write" | "create" | "remove" | "syncFolder" | "read" | "now";

/** How a disk can betray whoever trusts it: planted faults that a suite must find. */
export interface Lies {
  /** Writes are reported before they are durable. */
  readonly writesAreCached?: boolean;
  /** Names are never made durable. */
  readonly folderSyncsAreSkipped?: boolean;
  /** `syncNow` does nothing. */
  readonly syncsAreSkipped?: boolean;
}

export interface SimDiskOptions {
  readonly preallocates?: boolean;
  readonly lies?: Lies;
  /** Asked for each write that makes a file grow: bytes that all files may have. */
  readonly capacity?: () => number;
  /** Asked for each call: an error to fail it with. */
  readonly fault?: (call: DiskCall, path: string) => SimDiskError | undefined;
}

interface NameChange {
  readonly folder: string;
  readonly path: string;
  /** Undefined: the name is removed. */
  readonly file: SimFile | undefined;
}

interface Operation {
  /** What happens when it goes through. */
  readonly finish: () => void;
  /** What may be left when the machine stops, or the call fails. */
  readonly tear: () => void;
  readonly fail: (error: Error) => void;
  readonly call: DiskCall;
  readonly path: string;
  /** By how many bytes the file grows. */
  readonly growth?: () => number;
  /** What may be left when there was no room to grow. */
  readonly tearInPlace?: () => void;
}

/**
 * A disk that behaves like the worst legal one. Calls that run in the background wait until `step`
 * lets one of them go through, in any order; a crash leaves any subset of the sectors of what was
 * under way, and of the names that were not synced. The same seed gives the same run.
 */
export class SimDisk implements Disk {
  readonly place: string = "(simulated)";
  readonly preallocates: boolean;
  readonly #random: SimRandom;
  readonly #options: SimDiskOptions;
  readonly #folders = new Set<string>();
  readonly #names = new Map<string, SimFile>();
  readonly #durableNames = new Map<string, SimFile>();
  #changes: NameChange[] = [];
  #operations: Operation[] = [];
  #callsLeft = Number.POSITIVE_INFINITY;
  #calls = 0;
  #isStopped = false;

  constructor(seed: number, options: SimDiskOptions = {}) {
    this.#random = new SimRandom(seed);
    this.#options = options;
    this.preallocates = options.preallocates ?? true;
  }

  // For tests

  /** How many calls that change anything have been made. */
  get calls(): number {
    return this.#calls;
  }

  /** Background calls that wait for `step`. */
  get waiting(): number {
    return this.#operations.length;
  }

  /** The machine stops at the n-th call from now on, in the middle of it. */
  crashAtCall(n: number): void {
    this.#callsLeft = n;
  }

  /** Lets one background call go through or fail; false when none waits. */
  step(): boolean {
    if (this.#operations.length === 0) return false;
    const [operation] = this.#operations.splice(this.#random.below(this.#operations.length), 1);
    if (operation === undefined) return false;
    const error = this.#options.fault?.(operation.call, operation.path);
    const full = this.#fullFor(operation);
    if (full !== undefined) {
      operation.tearInPlace?.();
      operation.fail(full);
    } else if (error === undefined) {
      operation.finish();
    } else {
      operation.tear();
      operation.fail(error);
    }
    return true;
  }

  /** Bytes of all files. */
  get bytesUsed(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += file.size;
    return bytes;
  }

  /** Lets background calls go through until none waits. */
  settle(): void {
    while (this.step());
  }

  /** What is found by the next start: after the process died, or after the power went. */
  crash(kind: "process" | "power", options: SimDiskOptions = this.#options): SimDisk {
    this.#isStopped = true;
    for (const operation of this.#operations) operation.tear();
    this.#operations = [];
    const next = new SimDisk(this.#random.u32(), options);
    for (const folder of this.#folders) next.#folders.add(folder);
    if (kind === "power") {
      for (const change of this.#changes) {
        if (this.#random.chance(0.5)) applyChange(this.#durableNames, change);
      }
      const kept = new Set(this.#durableNames.values());
      for (const file of kept) file.losePower(this.#random);
      copyNames(this.#durableNames, next.#names);
      copyNames(this.#durableNames, next.#durableNames);
      return next;
    }
    copyNames(this.#names, next.#names);
    copyNames(this.#durableNames, next.#durableNames);
    next.#changes = this.#changes;
    return next;
  }

  /** A disk of its own with the same files, all of them durable. */
  copy(seed: number): SimDisk {
    const next = new SimDisk(seed, this.#options);
    for (const folder of this.#folders) next.#folders.add(folder);
    for (const [path, file] of this.#names) {
      const twin = new SimFile(file.content());
      next.#names.set(path, twin);
      next.#durableNames.set(path, twin);
    }
    return next;
  }

  paths(): readonly string[] {
    return [...this.#names.keys()].sort();
  }

  file(path: string): SimFile {
    const file = this.#names.get(path);
    if (file === undefined) throw new SimMissing(path);
    return file;
  }

  forget(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  put(path: string, content: Uint8Array): void {
    const file = new SimFile(content);
    this.#names.set(path, file);
    this.#durableNames.set(path, file);
  }

  // Disk

  list(folder: string): readonly string[] {
    const prefix = folder === "" ? "" : `${folder}/`;
    const names: string[] = [];
    for (const path of [...this.#names.keys(), ...this.#folders]) {
      const name = path.slice(prefix.length);
      if (path.startsWith(prefix) && !name.includes("/")) names.push(name);
    }
    return names.sort();
  }

  makeFolder(folder: string): void {
    this.#now(() => {});
    this.#folders.add(folder);
  }

  openNow(path: string): DiskFile {
    return this.#handle(path, this.file(path));
  }

  createNow(path: string): DiskFile {
    const file = new SimFile();
    this.#now(() => this.#change(path, file));
    this.#change(path, file);
    return this.#handle(path, file);
  }

  removeNow(path: string): void {
    this.#now(() => this.#change(path, undefined));
    this.#change(path, undefined);
  }

  syncFolderNow(folder: string): void {
    this.#now(() => {});
    this.#syncNames(folder);
  }

  create(path: string, done: (error: Error | undefined, file: DiskFile | undefined) => void): void {
    const file = new SimFile();
    const make = (): void => this.#change(path, file);
    this.#later("create", path, {
      finish: () => {
        make();
        done(undefined, this.#handle(path, file));
      },
      tear: () => {
        if (this.#random.chance(0.5)) make();
      },
      fail: (error) => done(error, undefined),
    });
  }

  remove(path: string, done: Done): void {
    this.#later("remove", path, {
      finish: () => {
        this.#change(path, undefined);
        done(undefined);
      },
      tear: () => {
        if (this.#random.chance(0.5)) this.#change(path, undefined);
      },
      fail: done,
    });
  }

  syncFolder(folder: string, done: Done): void {
    this.#later("syncFolder", folder, {
      finish: () => {
        this.#syncNames(folder);
        done(undefined);
      },
      tear: () => {},
      fail: done,
    });
  }

  close(done: Done): void {
    done(undefined);
  }

  #handle(path: string, file: SimFile): DiskFile {
    return {
      path,
      size: () => file.size,
      read: (position, target) => {
        const error = this.#options.fault?.("read", path);
        if (error !== undefined) throw error;
        return file.read(position, target);
      },
      write: (chunks, position, done) => this.#write(file, path, { chunks, position, done }),
      writeNow: (bytes, position) => {
        this.#now(() => file.writeTorn(bytes, position, this.#random));
        file.writeCached(bytes, position);
        if (this.#options.lies?.writesAreCached !== true) file.sync();
      },
      syncNow: () => {
        this.#now(() => {});
        if (this.#options.lies?.syncsAreSkipped !== true) file.sync();
      },
      truncateNow: (length) => {
        this.#now(() => {
          if (this.#random.chance(0.5)) file.truncate(length);
        });
        file.truncate(length);
      },
      close: () => {},
    };
  }

  #write(
    file: SimFile,
    path: string,
    write: {
      readonly chunks: readonly Uint8Array[];
      readonly position: number;
      readonly done: Done;
    },
  ): void {
    const { chunks, position, done } = write;
    this.#later("write", path, {
      finish: () => {
        file.writeCached(joined(chunks), position);
        if (this.#options.lies?.writesAreCached !== true) file.sync();
        done(undefined);
      },
      tear: () => file.writeTorn(joined(chunks), position, this.#random),
      fail: done,
      growth: () => position + joined(chunks).length - file.size,
      tearInPlace: () => {
        const inPlace = joined(chunks).subarray(0, Math.max(0, file.size - position));
        if (inPlace.length > 0) file.writeTorn(inPlace, position, this.#random);
      },
    });
  }

  /** A call that is over at once: stops the machine in the middle of it, or fails. */
  #now(tear: () => void): void {
    this.#count(tear);
    const error = this.#options.fault?.("now", "");
    if (error === undefined) return;
    tear();
    throw error;
  }

  #later(
    call: DiskCall,
    path: string,
    operation: Pick<Operation, "finish" | "tear" | "fail" | "growth" | "tearInPlace">,
  ): void {
    this.#operations.push({ call, path, ...operation });
    this.#count(() => {});
  }

  #fullFor({ growth }: Operation): SimDiskError | undefined {
    const { capacity } = this.#options;
    const bytes = growth?.() ?? 0;
    if (capacity === undefined || bytes <= 0) return undefined;
    return this.bytesUsed + bytes > capacity() ? new SimDiskError("ENOSPC") : undefined;
  }

  #count(tear: () => void): void {
    if (this.#isStopped) throw new SimCrash("the machine has stopped");
    this.#calls++;
    this.#callsLeft--;
    if (this.#callsLeft > 0) return;
    tear();
    this.#isStopped = true;
    throw new SimCrash("the machine stops here");
  }

  #change(path: string, file: SimFile | undefined): void {
    const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
    const change = { folder, path, file };
    applyChange(this.#names, change);
    this.#changes.push(change);
  }

  #syncNames(folder: string): void {
    if (this.#options.lies?.folderSyncsAreSkipped === true) return;
    for (const change of this.#changes) {
      if (change.folder === folder) applyChange(this.#durableNames, change);
    }
    this.#changes = this.#changes.filter((change) => change.folder !== folder);
  }
}

class SimMissing extends Error {
  readonly code = "ENOENT";
}

function applyChange(names: Map<string, SimFile>, change: NameChange): void {
  if (change.file === undefined) names.delete(change.path);
  else names.set(change.path, change.file);
}

function copyNames(from: ReadonlyMap<string, SimFile>, to: Map<string, SimFile>): void {
  for (const [path, file] of from) to.set(path, file);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
