import type { Disk, DiskFile, Done } from "../../src/storage/disk.ts";
import { MemoryDisk } from "../../src/storage/memory-disk.ts";

/** A disk in memory whose writes to the log report only when a test lets them. */
export class HeldDisk implements Disk {
  readonly place = "held";
  readonly preallocates = false;
  readonly #disk = new MemoryDisk();
  #held: (() => void)[] = [];
  /** Writes started so far. */
  writes = 0;
  isHolding = false;
  /** What the next released write reports. */
  failure: Error | undefined;

  /** Lets the writes that are under way finish; returns how many there were. */
  release(): number {
    const held = this.#held;
    this.#held = [];
    for (const finish of held) finish();
    return held.length;
  }

  list(folder: string): readonly string[] {
    return this.#disk.list(folder);
  }

  makeFolder(folder: string): void {
    this.#disk.makeFolder(folder);
  }

  openNow(path: string): DiskFile {
    return this.#hold(this.#disk.openNow(path));
  }

  createNow(path: string): DiskFile {
    return this.#hold(this.#disk.createNow(path));
  }

  removeNow(path: string): void {
    this.#disk.removeNow(path);
  }

  syncFolderNow(folder: string): void {
    this.#disk.syncFolderNow(folder);
  }

  create(path: string, done: (error: Error | undefined, file: DiskFile | undefined) => void): void {
    this.#disk.create(path, (error, file) => {
      done(error, file === undefined ? undefined : this.#hold(file));
    });
  }

  remove(path: string, done: Done): void {
    this.#disk.remove(path, done);
  }

  syncFolder(folder: string, done: Done): void {
    this.#disk.syncFolder(folder, done);
  }

  close(done: Done): void {
    this.#disk.close(done);
  }

  #hold(file: DiskFile): DiskFile {
    const write = (chunks: readonly Uint8Array[], position: number, done: Done): void => {
      if (!this.isHolding || !file.path.endsWith(".seg")) {
        file.write(chunks, position, done);
        return;
      }
      this.writes++;
      this.#held.push(() => {
        if (this.failure === undefined) file.write(chunks, position, done);
        else done(this.failure);
      });
    };
    return new Proxy(file, {
      get: (target, name) => {
        if (name === "write") return write;
        const member: unknown = Reflect.get(target, name);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  }
}
