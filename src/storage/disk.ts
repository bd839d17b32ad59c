/**
 * All that the log asks of a disk. Two halves: what runs while serving is asynchronous and reports
 * through a callback; opening is synchronous, because nothing can be served before it is over.
 * Implementations: the real one, one in memory, and a simulated one that crashes and lies.
 *
 * Paths are relative to the data folder, with `/`. Folders: "" is the data folder itself.
 */
export interface Disk {
  /** For messages: where the data folder is. */
  readonly place: string;
  /** Whether it pays to write zeros ahead of the log. */
  readonly preallocates: boolean;

  /** Names in a folder, sorted; none when the folder does not exist. */
  list(folder: string): readonly string[];
  /** Makes a folder, durably, unless it exists. */
  makeFolder(folder: string): void;
  /** Opens an existing file for reading and writing. */
  openNow(path: string): DiskFile;
  /** Makes an empty file, or empties an existing one; its name is durable after `syncFolderNow`. */
  createNow(path: string): DiskFile;
  removeNow(path: string): void;
  syncFolderNow(folder: string): void;

  /** As `createNow`. `done` is called once, possibly before this returns. */
  create(path: string, done: (error: Error | undefined, file: DiskFile | undefined) => void): void;
  remove(path: string, done: Done): void;
  /** After this, names that were created or removed in the folder before stay so. */
  syncFolder(folder: string, done: Done): void;
  /** Gives up the folder: releases its lock. */
  close(done: Done): void;
}

/** Called exactly once, possibly before the call that was given it returns. */
export type Done = (error: Error | undefined) => void;

export interface DiskFile {
  readonly path: string;
  /** Length in bytes. */
  size(): number;
  /** Fills `target` from `position` on; returns how many bytes there were. Throws when it fails. */
  read(position: number, target: Uint8Array): number;

  /**
   * Writes the chunks one behind the other and calls `done` when they are durable, the file's
   * length included. Write and sync are one operation because that costs one trip to a thread
   * instead of two: a quarter less time and a third less CPU for a small commit. Chunks are
   * borrowed until `done`. After an error anything may stand in the written range.
   */
  write(chunks: readonly Uint8Array[], position: number, done: Done): void;

  /** As `write`, at once. Throws when it fails. */
  writeNow(bytes: Uint8Array, position: number): void;
  /** Makes durable all that `read` can see. */
  syncNow(): void;
  /** Cuts the file, durably. */
  truncateNow(length: number): void;
  close(): void;
}

/** Whether the disk is full, rather than broken. */
export function isDiskFull(error: Error): boolean {
  const code = "code" in error ? error.code : undefined;
  return code === "ENOSPC" || code === "EDQUOT";
}
