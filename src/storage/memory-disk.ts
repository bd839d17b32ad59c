import type { Disk, DiskFile, Done } from "./disk.ts";

/**
 * A data folder in memory: for stores that need not outlive the process, and for tests. All is
 * done before a call returns, callbacks included; what is written can be opened again from the
 * same object.
 */
export class MemoryDisk implements Disk {
  readonly place: string = "(memory)";
  readonly preallocates: boolean = false;
  readonly #files = new Map<string, MemoryFile>();
  readonly #folders = new Set<string>();

  list(folder: string): readonly string[] {
    const prefix = folder === "" ? "" : `${folder}/`;
    const names: string[] = [];
    for (const path of [...this.#files.keys(), ...this.#folders]) {
      if (path.startsWith(prefix) && !path.slice(prefix.length).includes("/")) {
        names.push(path.slice(prefix.length));
      }
    }
    return names.sort();
  }

  makeFolder(folder: string): void {
    if (folder !== "") this.#folders.add(folder);
  }

  openNow(path: string): DiskFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new Error(`no such file: ${path}`);
    return file;
  }

  createNow(path: string): DiskFile {
    const file = new MemoryFile(path);
    this.#files.set(path, file);
    return file;
  }

  removeNow(path: string): void {
    this.#files.delete(path);
  }

  syncFolderNow(_folder: string): void {}

  create(path: string, done: (error: Error | undefined, file: DiskFile | undefined) => void): void {
    done(undefined, this.createNow(path));
  }

  remove(path: string, done: Done): void {
    this.removeNow(path);
    done(undefined);
  }

  syncFolder(_folder: string, done: Done): void {
    done(undefined);
  }

  close(done: Done): void {
    done(undefined);
  }
}

/** Bytes in pages of one size, so that growing never copies. */
const PAGE_BYTES = 64 * 1024;

class MemoryFile implements DiskFile {
  readonly path: string;
  readonly #pages: Uint8Array[] = [];
  #size = 0;

  constructor(path: string) {
    this.path = path;
  }

  size(): number {
    return this.#size;
  }

  read(position: number, target: Uint8Array): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position));
    for (let copied = 0; copied < count; ) {
      const at = position + copied;
      const start = at % PAGE_BYTES;
      const length = Math.min(count - copied, PAGE_BYTES - start);
      target.set(this.#page(at).subarray(start, start + length), copied);
      copied += length;
    }
    return count;
  }

  write(chunks: readonly Uint8Array[], position: number, done: Done): void {
    let at = position;
    for (const chunk of chunks) {
      this.writeNow(chunk, at);
      at += chunk.length;
    }
    done(undefined);
  }

  writeNow(bytes: Uint8Array, position: number): void {
    for (let copied = 0; copied < bytes.length; ) {
      const at = position + copied;
      const start = at % PAGE_BYTES;
      const length = Math.min(bytes.length - copied, PAGE_BYTES - start);
      this.#page(at).set(bytes.subarray(copied, copied + length), start);
      copied += length;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  syncNow(): void {}

  truncateNow(length: number): void {
    const kept = Math.ceil(length / PAGE_BYTES);
    this.#pages.length = Math.min(this.#pages.length, kept);
    if (length % PAGE_BYTES !== 0) this.#pages[kept - 1]?.fill(0, length % PAGE_BYTES);
    this.#size = length;
  }

  close(): void {}

  /** The page that holds a position; pages in between are made as zeros. */
  #page(position: number): Uint8Array {
    const index = Math.floor(position / PAGE_BYTES);
    while (this.#pages.length <= index) this.#pages.push(new Uint8Array(PAGE_BYTES));
    return this.#pages[index] as Uint8Array;
  }
}
