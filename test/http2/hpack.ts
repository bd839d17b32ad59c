/**
 * HPACK (RFC 7541) for the test client, written apart from the server's own so that one cannot hide
 * a mistake of the other. Encoding is by hand, one representation at a time, because tests want to
 * choose; decoding is complete, because other servers answer with all of it.
 */
export type Field = readonly [name: string, value: string];

/** Appendix A: names and values of indices 1 to 61. */
const STATIC_TABLE: readonly Field[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];
/** The first index of the dynamic table. */
export const FIRST_DYNAMIC: number = STATIC_TABLE.length + 1;

/**
 * Appendix B as lengths in bits, symbols 0 to 256 (the end-of-string symbol). The code is canonical:
 * codes of one length follow each other in the order of their symbols, so lengths say everything.
 */
const HUFFMAN_LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5,
  6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6,
  7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23,
  23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22,
  22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22,
  23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27,
  27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25,
  24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
export const END_OF_STRING = 256;

const HUFFMAN_CODES: readonly number[] = canonicalCodes(HUFFMAN_LENGTHS);

function canonicalCodes(lengths: readonly number[]): readonly number[] {
  const codes = new Array<number>(lengths.length).fill(0);
  let next = 0;
  for (let length = 1; length <= 30; length++) {
    next *= 2;
    lengths.forEach((own, symbol) => {
      if (own === length) codes[symbol] = next++;
    });
  }
  // A complete prefix code uses every leaf: the next free code is one past all ones.
  if (next !== 2 ** 30) throw new Error("the table of Huffman lengths is not complete");
  return codes;
}

/** The bits of these symbols, padded with ones (section 5.2). */
export function huffman(symbols: Iterable<number>): Buffer {
  let bits = "";
  for (const symbol of symbols) {
    const code = HUFFMAN_CODES[symbol] as number;
    bits += code.toString(2).padStart(HUFFMAN_LENGTHS[symbol] as number, "0");
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from(bits.match(/.{8}/g)?.map((octet) => Number.parseInt(octet, 2)) ?? []);
}

/** An integer with a prefix of `prefixBits`, the bits above it from `pattern` (section 5.1). */
export function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const limit = 2 ** prefixBits - 1;
  if (value < limit) return Buffer.of(pattern | value);
  const bytes = [pattern | limit];
  let rest = value - limit;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

export function text(value: string, coded = false): Buffer {
  const plain = Buffer.from(value, "latin1");
  const body = coded ? huffman(plain) : plain;
  return Buffer.concat([integer(body.length, 7, coded ? 0x80 : 0), body]);
}

export function indexed(index: number): Buffer {
  return integer(index, 7, 0x80);
}

export type Indexing = "incremental" | "without" | "never";

const INDEXING: Readonly<Record<Indexing, readonly [pattern: number, prefixBits: number]>> = {
  incremental: [0x40, 6],
  without: [0x00, 4],
  never: [0x10, 4],
};

/** A literal field; a number for `name` is an index into the tables (section 6.2). */
export function literal(
  indexing: Indexing,
  name: string | number,
  value: string,
  coded = false,
): Buffer {
  const [pattern, prefixBits] = INDEXING[indexing];
  const head =
    typeof name === "number"
      ? integer(name, prefixBits, pattern)
      : Buffer.concat([integer(0, prefixBits, pattern), text(name, coded)]);
  return Buffer.concat([head, text(value, coded)]);
}

export function tableSizeUpdate(size: number): Buffer {
  return integer(size, 5, 0x20);
}

/** A block of literals that leaves both sides' tables alone. */
export function block(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal("without", name, value)));
}

/** Decodes the blocks of one connection, in order. Throws on anything malformed. */
export class HpackDecoder {
  readonly #table: Field[] = [];
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #sizeMax = 4096;

  decode(bytes: Uint8Array): readonly Field[] {
    this.#bytes = bytes;
    this.#at = 0;
    const fields: Field[] = [];
    while (this.#at < bytes.length) {
      const first = this.#bytes[this.#at] as number;
      if (first >= 0x80) fields.push(this.#entry(this.#integer(7)));
      else if (first >= 0x40) {
        const field = this.#literal(6);
        this.#table.unshift(field);
        this.#evict();
        fields.push(field);
      } else if (first >= 0x20) {
        this.#sizeMax = this.#integer(5);
        this.#evict();
      } else fields.push(this.#literal(4));
    }
    return fields;
  }

  #literal(prefixBits: number): Field {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index)[0];
    return [name, this.#text()];
  }

  #entry(index: number): Field {
    const field =
      index < FIRST_DYNAMIC ? STATIC_TABLE[index - 1] : this.#table[index - FIRST_DYNAMIC];
    if (field === undefined) throw new Error(`no entry ${index} in the tables`);
    return field;
  }

  #evict(): void {
    let size = 0;
    const kept = this.#table.findIndex(([name, value]) => {
      size += name.length + value.length + 32;
      return size > this.#sizeMax;
    });
    if (kept >= 0) this.#table.length = kept;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new Error("the block ends too early");
    return byte;
  }

  #integer(prefixBits: number): number {
    const limit = 2 ** prefixBits - 1;
    let value = this.#byte() & limit;
    if (value < limit) return value;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const coded = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const body = this.#bytes.subarray(this.#at, this.#at + length);
    if (body.length < length) throw new Error("a string ends too early");
    this.#at += length;
    return coded ? huffmanText(body) : Buffer.from(body).toString("latin1");
  }
}

function huffmanText(body: Uint8Array): string {
  const symbols: number[] = [];
  let code = 0;
  let length = 0;
  for (const octet of body) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((octet >> bit) & 1);
      length++;
      const symbol = HUFFMAN_CODES.findIndex(
        (known, i) => known === code && HUFFMAN_LENGTHS[i] === length,
      );
      if (symbol < 0) continue;
      symbols.push(symbol);
      code = 0;
      length = 0;
    }
  }
  if (length > 7 || code !== 2 ** length - 1) throw new Error("bad padding of a Huffman string");
  return Buffer.from(symbols).toString("latin1");
}
