import { assert } from "../base/assert.ts";
import { type Disk, type DiskFile, type Done, isDiskFull } from "./disk.ts";

/** The file's name in the data folder. */
export const RESERVE_PATH = "RESERVE";
/** Written in pieces, so that a commit never waits long behind one. */
const PIECE_BYTES = 512 * 1024;

export interface ReserveHost {
  /** Something in the background ended: look again at what waits. */
  progressed(): void;
  /** There was not even room for the reserve. */
  diskFull(): void;
}

/**
 * A file of zeros that keeps room on the disk while there is some. When the disk is full the file
 * goes, and what it leaves is enough to go on deleting and compacting. A reserve that cannot be
 * written is none, and no fault.
 *
 *   absent ──tend──> filling ──> held          giveUp: any ──> removing ──> given up
 *                                              restore: given up ──> absent
 */
export class DiskReserve {
  readonly #disk: Disk;
  readonly #bytesMax: number;
  readonly #host: ReserveHost;
  readonly #zeros: Uint8Array;
  #file: DiskFile | undefined;
  #bytes = 0;
  #isBusy = false;
  /** Given up, or about to be. */
  #isGivenUp = false;
  #stopped = false;

  /** Takes over what an earlier run left. Nothing is kept with `bytesMax` 0. */
  constructor(disk: Disk, bytesMax: number, host: ReserveHost) {
    this.#disk = disk;
    this.#bytesMax = bytesMax;
    this.#host = host;
    this.#zeros = new Uint8Array(Math.min(PIECE_BYTES, bytesMax));
    if (!disk.list("").includes(RESERVE_PATH)) return;
    this.#file = disk.openNow(RESERVE_PATH);
    this.#bytes = this.#file.size();
  }

  /** Bytes that are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  get isIdle(): boolean {
    return !this.#isBusy;
  }

  /** Writes the next piece, as long as the reserve is smaller than this and its most. */
  tend(wantedBytes: number): void {
    if (this.#isBusy || this.#isGivenUp || this.#stopped) return;
    if (this.#bytes >= Math.min(wantedBytes, this.#bytesMax)) return;
    this.#isBusy = true;
    if (this.#file !== undefined) {
      this.#writePiece(this.#file);
      return;
    }
    this.#disk.create(RESERVE_PATH, (error, file) => {
      if (file === undefined) {
        this.#ended(error);
        return;
      }
      this.#file = file;
      this.#writePiece(file);
    });
  }

  /** Gives the room back to the disk; false when there is none to give. `progressed` follows. */
  giveUp(): boolean {
    if (this.#isGivenUp) return this.#isBusy;
    this.#isGivenUp = true;
    if (!this.#isBusy) this.#remove();
    return this.#isBusy;
  }

  /** There is room again: the reserve is filled anew. */
  restore(): void {
    if (this.#isGivenUp && !this.#isBusy) this.#isGivenUp = false;
  }

  /** No more is written. */
  stop(): void {
    this.#stopped = true;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #writePiece(file: DiskFile): void {
    file.write([this.#zeros], this.#bytes, (error) => {
      if (error === undefined) this.#bytes += this.#zeros.length;
      this.#ended(error);
    });
  }

  #ended(error: Error | undefined): void {
    this.#isBusy = false;
    if (this.#isGivenUp) this.#remove();
    else if (error !== undefined && isDiskFull(error)) this.#host.diskFull();
    this.#host.progressed();
  }

  #remove(): void {
    assert(!this.#isBusy, "a reserve is removed when nothing is written to it");
    const file = this.#file;
    if (file === undefined) return;
    this.#isBusy = true;
    this.#file = undefined;
    this.#bytes = 0;
    file.close();
    this.#disk.remove(RESERVE_PATH, this.#removed);
  }

  readonly #removed: Done = () => {
    this.#isBusy = false;
    this.#host.progressed();
  };
}
