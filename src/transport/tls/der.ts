/** As much of DER (X.690) as certificates and revocation lists need. */

export const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** A tag of the kind [0], [1], ... of a structure; `isConstructed` when it holds other values. */
export function contextTag(number: number, isConstructed: boolean): number {
  return (isConstructed ? 0xa0 : 0x80) | number;
}

/** One value: tag, length, and the contents one behind the other. */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), encodeLength(body.length), body]);
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.of(0x80 | bytes.length, ...bytes);
}

/** A whole number of zero or more, big-endian, of any length. */
export function encodeUnsigned(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  // The topmost bit is the sign.
  const isHigh = ((digits[0] ?? 0) & 0x80) !== 0;
  return encodeDer(Tag.integer, ...(isHigh ? [Buffer.of(0)] : []), digits);
}

/** An object identifier from its dotted form, for example `2.5.29.17`. */
export function encodeObjectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [first * 40 + second];
  for (const arc of rest) {
    const digits = [arc & 0x7f];
    for (let high = arc >>> 7; high > 0; high >>>= 7) digits.unshift((high & 0x7f) | 0x80);
    bytes.push(...digits);
  }
  return encodeDer(Tag.objectId, Buffer.from(bytes));
}

/**
 * A time in UTC, to the second: two digits for the year until 2049, four from then on (RFC 5280
 * §4.1.2.5).
 */
export function encodeTime(unixMs: number): Buffer {
  const digits = new Date(unixMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, "");
  const isShort = digits < "2050";
  const tag = isShort ? Tag.utcTime : Tag.generalizedTime;
  return encodeDer(tag, Buffer.from(`${isShort ? digits.slice(2) : digits}Z`, "latin1"));
}

/** One value that was read: contents are a view. */
export interface DerValue {
  readonly tag: number;
  readonly contents: Uint8Array;
}

const LENGTH_BYTES_MAX = 4;

/**
 * The values that stand one behind the other in `bytes`.
 * @throws Error when they do not fill them exactly
 */
export function decodeDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++] as number;
    const first = bytes[at++] ?? Number.NaN;
    const lengthBytes = first < 0x80 ? 0 : first - 0x80;
    let length = lengthBytes === 0 ? first : 0;
    for (const end = at + lengthBytes; at < end; at++) {
      length = length * 256 + (bytes[at] ?? Number.NaN);
    }
    // 0x80 begins a value of unknown length, which DER does not have; NaN is one cut short.
    const isSound = first !== 0x80 && lengthBytes <= LENGTH_BYTES_MAX;
    if (!isSound || !(at + length <= bytes.length)) throw new Error("malformed DER");
    values.push({ tag, contents: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}
