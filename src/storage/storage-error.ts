/**
 * The data folder cannot be used, or a file in it is damaged or failed. Final for the store that
 * throws or reports it: nothing is retried, and no byte from the place it names is ever served.
 */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** Path as the disk knows it, empty when the whole folder is meant. */
  readonly file: string;
  /** Byte offset in the file, or undefined when no single place is meant. */
  readonly offset: number | undefined;

  constructor(problem: string, place: StoragePlace, cause?: unknown) {
    const at = place.offset === undefined ? "" : ` at offset ${place.offset}`;
    const advice = place.advice === undefined ? "" : `; ${place.advice}`;
    super(`${place.file}${at}: ${problem}${advice}`, cause === undefined ? undefined : { cause });
    this.file = place.file;
    this.offset = place.offset;
  }
}

export interface StoragePlace {
  readonly file: string;
  readonly offset?: number;
  /** What a person can do about it. */
  readonly advice?: string;
}

/** What to do about damaged data that was acknowledged. */
export const RESTORE_ADVICE =
  "keep a copy of the folder, check the disk, and restore from a snapshot or another member";
