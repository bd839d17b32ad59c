/**
 * A piece of a segment in memory: the bytes of the file from `fileStart` on. Records never straddle
 * slabs, and bytes below `end` are never changed again (but for checksums that are filled in when a
 * frame is sealed), so that views of payloads may be kept by anyone.
 */
export class Slab {
  readonly bytes: Uint8Array;
  /** Over the same bytes: reading numbers through it costs no allocation. */
  readonly view: DataView;
  readonly fileStart: number;
  /** How many bytes are in use. */
  end = 0;

  constructor(capacity: number, fileStart: number) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
    this.fileStart = fileStart;
  }

  /** Offset in the file behind the last byte in use. */
  get fileEnd(): number {
    return this.fileStart + this.end;
  }

  get capacity(): number {
    return this.bytes.length;
  }
}
