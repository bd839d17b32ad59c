import { type GrpcCode, GrpcCode as Code } from "../base/errors.ts";

/**
 * Response header blocks. Only static entries and literals without indexing are ever sent, so a
 * block means the same on every connection at any time and can be made once.
 */

/** `:status: 200` is entry 8 of the static table, and the name of any other status. */
const STATUS_200 = 0x88;
const STATUS_NAME = 0x08;
const LITERAL = 0x00;
/** Lengths have a prefix of seven bits (RFC 7541 §5.1). */
const LENGTH_PREFIX_MAX = 127;

/** A header block of a status and fields; names are in lower case. */
export function encodeHeaderBlock(status: number, fields: Iterable<HeaderField>): Buffer {
  const bytes: number[] = [];
  if (status === 200) bytes.push(STATUS_200);
  else {
    bytes.push(STATUS_NAME);
    pushString(bytes, String(status));
  }
  pushFields(bytes, fields);
  return Buffer.from(bytes);
}

export type HeaderField = readonly [name: string, value: string];

function encodeTrailerBlock(fields: Iterable<HeaderField>): Buffer {
  const bytes: number[] = [];
  pushFields(bytes, fields);
  return Buffer.from(bytes);
}

function pushFields(bytes: number[], fields: Iterable<HeaderField>): void {
  for (const [name, value] of fields) {
    bytes.push(LITERAL);
    pushString(bytes, name);
    pushString(bytes, value);
  }
}

/** Without Huffman: shorter to make, and nobody pays for the bytes. */
function pushString(bytes: number[], text: string): void {
  const encoded = Buffer.from(text, "latin1");
  if (encoded.length < LENGTH_PREFIX_MAX) bytes.push(encoded.length);
  else {
    bytes.push(LENGTH_PREFIX_MAX);
    let rest = encoded.length - LENGTH_PREFIX_MAX;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
    bytes.push(rest);
  }
  for (const byte of encoded) bytes.push(byte);
}

const CONTENT_TYPE: HeaderField = ["content-type", "application/grpc"];

/** The head of every gRPC answer that has messages. */
export const GRPC_HEADERS: Buffer = encodeHeaderBlock(200, [CONTENT_TYPE]);
/** The end of every call that went well. */
export const GRPC_TRAILERS_OK: Buffer = encodeTrailerBlock([["grpc-status", "0"]]);

/** The end of a call that had messages. */
export function grpcTrailers(code: GrpcCode, message: string): Buffer {
  if (code === Code.ok && message === "") return GRPC_TRAILERS_OK;
  return encodeTrailerBlock(statusFields(code, message));
}

/** The whole answer of a call without messages ("trailers-only"). */
export function grpcTrailersOnly(code: GrpcCode, message: string, httpStatus = 200): Buffer {
  return encodeHeaderBlock(httpStatus, [CONTENT_TYPE, ...statusFields(code, message)]);
}

function statusFields(code: GrpcCode, message: string): readonly HeaderField[] {
  const status: HeaderField = ["grpc-status", String(code)];
  return message === "" ? [status] : [status, ["grpc-message", percentEncode(message)]];
}

/** gRPC's percent-encoding: UTF-8, where all but printable ASCII without `%` is escaped. */
export function percentEncode(text: string): string {
  if (/^[ -$&-~]*$/.test(text)) return text;
  let encoded = "";
  for (const byte of Buffer.from(text, "utf8")) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return encoded;
}
