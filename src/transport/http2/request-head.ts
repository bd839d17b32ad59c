import type { HeaderFields } from "./hpack-decoder.ts";

/**
 * The head of a request, checked once (RFC 9113 §8.2, §8.3) and then shared by all requests that
 * are sent with the same header block. Never changed after it was made.
 */
export interface RequestHead {
  readonly method: string;
  /** `:path`, or `:authority` of a CONNECT. */
  readonly path: string;
  /** `:authority`; undefined when absent. */
  readonly authority?: string | undefined;
  /** Empty when absent. */
  readonly contentType: string;
  /** Bytes that DATA must bring; -1 when the client did not say. */
  readonly contentLength: number;
  readonly names: readonly string[];
  readonly values: readonly string[];
}

/** Why a header list is not a request; the stream it came on is reset with PROTOCOL_ERROR. */
export interface MalformedHead {
  readonly malformed: string;
}

/** The first value of a field, its name in lower case. */
export function headerOf(head: RequestHead, name: string): string | undefined {
  const index = head.names.indexOf(name);
  return index < 0 ? undefined : head.values[index];
}

export function parseRequestHead(fields: HeaderFields): RequestHead | MalformedHead {
  let method: string | undefined;
  let path: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  const { names, values } = fields;
  let at = 0;
  for (; at < names.length; at++) {
    const name = names[at] as string;
    if (name.charCodeAt(0) !== COLON) break;
    const value = values[at] as string;
    if (!isFieldValue(value)) return { malformed: "pseudo-header with a forbidden value" };
    if (name === ":method" && method === undefined) method = value;
    else if (name === ":path" && path === undefined) path = value;
    else if (name === ":scheme" && scheme === undefined) scheme = value;
    else if (name === ":authority" && authority === undefined) authority = value;
    else return { malformed: "pseudo-header unknown or given twice" };
  }
  if (method === "CONNECT" && scheme === undefined && path === undefined) path = authority;
  else if (scheme === undefined) return { malformed: "no :scheme" };
  if (method === undefined || method === "") return { malformed: "no :method" };
  if (path === undefined || path === "") return { malformed: "no :path" };
  return parseRegularFields(fields, at, { method, path, authority });
}

function parseRegularFields(
  fields: HeaderFields,
  start: number,
  pseudo: Pick<RequestHead, "method" | "path" | "authority">,
): RequestHead | MalformedHead {
  const { names, values } = fields;
  let contentType = "";
  let contentLength = -1;
  for (let i = start; i < names.length; i++) {
    const name = names[i] as string;
    const value = values[i] as string;
    const malformed = malformedField(name, value);
    if (malformed !== undefined) return { malformed };
    if (name === "content-type" && contentType === "") contentType = value;
    else if (name === "content-length") {
      const length = parseContentLength(value);
      if (length < 0 || (contentLength >= 0 && contentLength !== length)) {
        return { malformed: "wrong content-length" };
      }
      contentLength = length;
    }
  }
  return { ...pseudo, contentType, contentLength, names, values };
}

/** Checks the fields of a trailer section; undefined when all is well. */
export function malformedTrailers(fields: HeaderFields): string | undefined {
  for (let i = 0; i < fields.names.length; i++) {
    const malformed = malformedField(fields.names[i] as string, fields.values[i] as string);
    if (malformed !== undefined) return malformed;
  }
  return undefined;
}

function malformedField(name: string, value: string): string | undefined {
  if (!isFieldName(name)) return "field name with a forbidden character";
  if (!isFieldValue(value)) return "field value with a forbidden character";
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return "connection-specific field";
    case "te":
      return value === "trailers" ? undefined : "te other than trailers";
    default:
      return undefined;
  }
}

const COLON = 0x3a;

/** Characters of a token (RFC 9110 §5.6.2) but for upper case, which HTTP/2 forbids. */
const NAME_CHARACTERS: Uint8Array = characterTable(
  "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz",
);

function characterTable(allowed: string): Uint8Array {
  const table = new Uint8Array(256);
  for (let i = 0; i < allowed.length; i++) table[allowed.charCodeAt(i)] = 1;
  return table;
}

function isFieldName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if (NAME_CHARACTERS[name.charCodeAt(i)] !== 1) return false;
  }
  return name.length > 0;
}

/** RFC 9113 §8.2.1: no NUL, CR or LF anywhere, no space or tab at either end. */
function isFieldValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= 0x0d && (code === 0 || code === 0x0a || code === 0x0d)) return false;
  }
  return !isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(value.length - 1));
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** -1 when it is not a decimal number below 2^53. */
function parseContentLength(value: string): number {
  if (!/^[0-9]{1,15}$/.test(value)) return -1;
  return Number(value);
}
