/** CRC-32C (Castagnoli), the checksum of the log's files and of HashKV (K70). */

/** The reflected Castagnoli polynomial. */
const POLYNOMIAL = 0x82f63b78;

/**
 * Sixteen bytes are folded at once: table k says what a byte does to the checksum once k more bytes
 * have followed it. 1.9 GB/s here, against 0.4 GB/s with one table.
 */
const TABLES: readonly Int32Array[] = makeTables();
const T0 = table(0);
const T1 = table(1);
const T2 = table(2);
const T3 = table(3);
const T4 = table(4);
const T5 = table(5);
const T6 = table(6);
const T7 = table(7);
const T8 = table(8);
const T9 = table(9);
const T10 = table(10);
const T11 = table(11);
const T12 = table(12);
const T13 = table(13);
const T14 = table(14);
const T15 = table(15);

/**
 * The checksum of `bytes[start..end)`, 0 to 2^32 - 1. `seed` is the checksum of what came before:
 * `crc32c(b, crc32c(a))` is the checksum of a followed by b.
 */
export function crc32c(bytes: Uint8Array, seed = 0, start = 0, end: number = bytes.length): number {
  let crc = ~seed;
  let i = start;
  for (const last = end - 16; i <= last; i += 16) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (T15[crc & 0xff] as number) ^
      (T14[(crc >>> 8) & 0xff] as number) ^
      (T13[(crc >>> 16) & 0xff] as number) ^
      (T12[crc >>> 24] as number) ^
      (T11[bytes[i + 4] as number] as number) ^
      (T10[bytes[i + 5] as number] as number) ^
      (T9[bytes[i + 6] as number] as number) ^
      (T8[bytes[i + 7] as number] as number) ^
      (T7[bytes[i + 8] as number] as number) ^
      (T6[bytes[i + 9] as number] as number) ^
      (T5[bytes[i + 10] as number] as number) ^
      (T4[bytes[i + 11] as number] as number) ^
      (T3[bytes[i + 12] as number] as number) ^
      (T2[bytes[i + 13] as number] as number) ^
      (T1[bytes[i + 14] as number] as number) ^
      (T0[bytes[i + 15] as number] as number);
  }
  for (; i < end; i++) {
    crc = (crc >>> 8) ^ (T0[(crc ^ (bytes[i] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
}

/** The checksum after four more bytes: those of `value`, lowest first. */
export function crc32cWord(value: number, seed: number): number {
  const crc = ~seed ^ value;
  return (
    ~(
      (T3[crc & 0xff] as number) ^
      (T2[(crc >>> 8) & 0xff] as number) ^
      (T1[(crc >>> 16) & 0xff] as number) ^
      (T0[crc >>> 24] as number)
    ) >>> 0
  );
}

function table(index: number): Int32Array {
  return TABLES[index] as Int32Array;
}

function makeTables(): readonly Int32Array[] {
  const tables = [new Int32Array(256)];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    (tables[0] as Int32Array)[byte] = crc;
  }
  for (let k = 1; k < 16; k++) {
    const before = tables[k - 1] as Int32Array;
    tables.push(
      before.map((crc) => (crc >>> 8) ^ ((tables[0] as Int32Array)[crc & 0xff] as number)),
    );
  }
  return tables;
}
