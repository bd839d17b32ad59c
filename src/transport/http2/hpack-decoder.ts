import { decodeHuffman } from "./huffman.ts";
import { HEADER_FIELDS_MAX, HEADER_LIST_BYTES_MAX, HEADER_TABLE_BYTES_MAX } from "./limits.ts";
import { STATIC_TABLE } from "./static-table.ts";
import { ConnectionError, ErrorCode } from "./frames.ts";

/** What a field costs beside its name and value (RFC 7541 §4.1). */
const FIELD_OVERHEAD_BYTES = 32;
/** More entries than this never fit the table, so the ring never overflows. A power of two. */
const RING_ENTRIES: number = HEADER_TABLE_BYTES_MAX / FIELD_OVERHEAD_BYTES;
const STATIC_ENTRIES = STATIC_TABLE.length;

/** The fields of one header block, in order, as bytes turned into latin-1 strings. */
export interface HeaderFields {
  readonly names: string[];
  readonly values: string[];
  /** More fields or bytes came than we keep; the rest was decoded and dropped. */
  isTooLarge: boolean;
}

/**
 * The decoding side of HPACK for one connection (RFC 7541). Any fault in a block is thrown as
 * ConnectionError COMPRESSION_ERROR, since the table can no longer be trusted.
 */
export class HpackDecoder {
  readonly #names: string[] = new Array<string>(RING_ENTRIES).fill("");
  readonly #values: string[] = new Array<string>(RING_ENTRIES).fill("");
  /** Ring position of the newest entry. */
  #newest = 0;
  #entries = 0;
  #tableBytes = 0;
  #tableBytesMax = HEADER_TABLE_BYTES_MAX;
  #listBytes = 0;
  #version = 0;
  /** Where Huffman strings are decoded to; as long as the longest so far needed. */
  #scratch: Buffer = Buffer.alloc(0);
  #at = 0;

  /** Changes whenever the dynamic table does: equal blocks mean equal fields while it stays. */
  get version(): number {
    return this.#version;
  }

  /** Bytes in the dynamic table as RFC 7541 §4.1 counts them. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  decode(block: Buffer, start: number, end: number): HeaderFields {
    const fields: HeaderFields = { names: [], values: [], isTooLarge: false };
    this.#at = start;
    this.#listBytes = 0;
    let isFirst = true;
    while (this.#at < end) {
      const byte = block[this.#at] as number;
      if ((byte & 0xe0) === 0x20) {
        if (!isFirst) throw compressionError("table size update after a field");
        this.#resize(this.#integer(block, end, 5));
        continue;
      }
      isFirst = false;
      if ((byte & 0x80) !== 0) this.#indexed(fields, this.#integer(block, end, 7));
      else this.#literal(fields, block, end, (byte & 0x40) !== 0);
    }
    return fields;
  }

  #indexed(fields: HeaderFields, index: number): void {
    if (index > 0 && index <= STATIC_ENTRIES) {
      const row = STATIC_TABLE[index - 1];
      if (row !== undefined) this.#add(fields, row[0], row[1]);
      return;
    }
    const slot = this.#slot(index);
    this.#add(fields, this.#names[slot] as string, this.#values[slot] as string);
  }

  #literal(fields: HeaderFields, block: Buffer, end: number, isIndexing: boolean): void {
    const index = this.#integer(block, end, isIndexing ? 6 : 4);
    const name = index === 0 ? this.#string(block, end) : this.#nameAt(index);
    const value = this.#string(block, end);
    if (isIndexing) this.#insert(name, value);
    this.#add(fields, name, value);
  }

  #nameAt(index: number): string {
    if (index <= STATIC_ENTRIES) return STATIC_TABLE[index - 1]?.[0] ?? "";
    return this.#names[this.#slot(index)] as string;
  }

  #slot(index: number): number {
    const age = index - STATIC_ENTRIES - 1;
    if (age < 0 || age >= this.#entries) throw compressionError("index outside the tables");
    return (this.#newest - age) & (RING_ENTRIES - 1);
  }

  #add(fields: HeaderFields, name: string, value: string): void {
    this.#listBytes += name.length + value.length + FIELD_OVERHEAD_BYTES;
    if (this.#listBytes > HEADER_LIST_BYTES_MAX || fields.names.length >= HEADER_FIELDS_MAX) {
      fields.isTooLarge = true;
      return;
    }
    fields.names.push(name);
    fields.values.push(value);
  }

  #insert(name: string, value: string): void {
    this.#version++;
    const size = name.length + value.length + FIELD_OVERHEAD_BYTES;
    this.#evictUntil(this.#tableBytesMax - size);
    // A field larger than the table empties it and is not kept (RFC 7541 §4.4).
    if (size > this.#tableBytesMax) return;
    this.#newest = (this.#newest + 1) & (RING_ENTRIES - 1);
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#entries++;
    this.#tableBytes += size;
  }

  #resize(bytes: number): void {
    if (bytes > HEADER_TABLE_BYTES_MAX) throw compressionError("table size above the limit");
    this.#version++;
    this.#tableBytesMax = bytes;
    this.#evictUntil(bytes);
  }

  #evictUntil(bytes: number): void {
    while (this.#entries > 0 && this.#tableBytes > bytes) {
      const slot = (this.#newest - this.#entries + 1) & (RING_ENTRIES - 1);
      this.#tableBytes -=
        (this.#names[slot] as string).length +
        (this.#values[slot] as string).length +
        FIELD_OVERHEAD_BYTES;
      this.#names[slot] = "";
      this.#values[slot] = "";
      this.#entries--;
    }
  }

  /** An integer with a prefix of `bits` bits (RFC 7541 §5.1), below 2^28. */
  #integer(block: Buffer, end: number, bits: number): number {
    const mask = (1 << bits) - 1;
    let value = (block[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#at >= end) throw compressionError("integer cut short");
      const byte = block[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw compressionError("integer too large");
  }

  #string(block: Buffer, end: number): string {
    if (this.#at >= end) throw compressionError("string cut short");
    const isHuffman = ((block[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(block, end, 7);
    const start = this.#at;
    if (length > end - start) throw compressionError("string cut short");
    this.#at = start + length;
    if (!isHuffman) return block.toString("latin1", start, start + length);
    // The shortest code has five bits, so a string grows to 8/5 of its length at most.
    if (this.#scratch.length < 2 * length) this.#scratch = Buffer.allocUnsafeSlow(4 * length);
    const decoded = decodeHuffman(block, start, start + length, this.#scratch);
    if (decoded < 0) throw compressionError("wrong Huffman code");
    return this.#scratch.toString("latin1", 0, decoded);
  }
}

function compressionError(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.compressionError, `hpack: ${reason}`);
}
