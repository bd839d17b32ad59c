import { assert } from "../../base/assert.ts";
import { MESSAGE_DEPTH_MAX } from "../../base/limits.ts";

/**
 * JSON as the gateway reads it. JSON.parse will not do: it rounds numbers beyond 2^53, it does not
 * say where a value stood, and its errors do not have the words that clients of etcd know.
 */
export interface JsonNode {
  readonly value: JsonValue;
  /** Offsets in the document of the first byte and of what follows. */
  readonly at: number;
  readonly end: number;
}

export type JsonValue = null | boolean | string | JsonNumber | JsonList | JsonObject;

/** A number as it was written, so that all 64 bits of an id survive. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export class JsonList {
  readonly items: readonly JsonNode[];

  constructor(items: readonly JsonNode[]) {
    this.items = items;
  }
}

/** Fields in the order in which they came; a name may come twice. */
export class JsonObject {
  readonly fields: readonly JsonField[];

  constructor(fields: readonly JsonField[]) {
    this.fields = fields;
  }
}

export interface JsonField {
  readonly name: string;
  readonly nameAt: number;
  readonly node: JsonNode;
}

/** A request body that is no JSON, or not the JSON of the message that is asked for. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

/** The first value of a body, and the means to speak of what is wrong with it. */
export class JsonDocument {
  readonly root: JsonNode;
  readonly #bytes: Uint8Array;

  private constructor(bytes: Uint8Array, root: JsonNode) {
    this.#bytes = bytes;
    this.root = root;
  }

  /**
   * Reads the first value of `bytes`; what follows it is not looked at. Undefined when there is
   * nothing but white space. Objects and lists lie at most twice as deep as messages may.
   * @throws JsonError in the words of Go's encoding/json
   */
  static parse(bytes: Uint8Array): JsonDocument | undefined {
    const root = new JsonParser(bytes).first();
    return root === undefined ? undefined : new JsonDocument(bytes, root);
  }

  /** A value where another kind of value belongs, in the words of Go's protojson. */
  unexpected(node: JsonNode): JsonError {
    const where = this.#place(node.at);
    return new JsonError(`proto: syntax error ${where}: unexpected token ${this.#token(node)}`);
  }

  /** A value that does not fit its field, in the words of Go's protojson. */
  invalid(node: JsonNode, type: string, fieldName: string): JsonError {
    const where = this.#place(node.at);
    const given = this.#token(node);
    return new JsonError(`proto: ${where}: invalid value for ${type} field ${fieldName}: ${given}`);
  }

  /** A fault that is told of its place, in the words of Go's protojson. */
  fault(at: number, text: string): JsonError {
    return new JsonError(`proto: ${this.#place(at)}: ${text}`);
  }

  /** Lines and characters are counted from 1 at the beginning of the value. */
  #place(at: number): string {
    const before = UTF8.decode(this.#bytes.subarray(this.root.at, at));
    const lines = before.split("\n");
    const column = (lines.at(-1) ?? "").replaceAll(/./gsu, ".").length + 1;
    return `(line ${lines.length}:${column})`;
  }

  /** As it was written; of an object or a list only the bracket. */
  #token({ value, at, end }: JsonNode): string {
    const isNested = value instanceof JsonObject || value instanceof JsonList;
    return UTF8.decode(this.#bytes.subarray(at, isNested ? at + 1 : end));
  }
}

const DEPTH_MAX: number = 2 * MESSAGE_DEPTH_MAX;
const UTF8: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { ignoreBOM: true });
const END_TEXT = "unexpected EOF";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const MINUS = 0x2d;
const ZERO = 0x30;

const ESCAPED: ReadonlyMap<number, string> = new Map(
  Object.entries({
    '"': '"',
    "\\": "\\",
    "/": "/",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
  }).map(([letter, character]) => [letter.charCodeAt(0), character]),
);

class JsonParser {
  readonly #bytes: Uint8Array;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  first(): JsonNode | undefined {
    this.#skipSpace();
    return this.#at === this.#bytes.length ? undefined : this.#node();
  }

  #node(): JsonNode {
    this.#skipSpace();
    const at = this.#at;
    const value = this.#value();
    return { value, at, end: this.#at };
  }

  #value(): JsonValue {
    const byte = this.#peek();
    switch (byte) {
      case OPEN_OBJECT:
        return this.#nested(() => this.#object());
      case OPEN_LIST:
        return this.#nested(() => this.#list());
      case QUOTE:
        return this.#string();
      case 0x74:
        return this.#literal("true", true);
      case 0x66:
        return this.#literal("false", false);
      case 0x6e:
        return this.#literal("null", null);
      default:
        if (byte === MINUS || isDigit(byte)) return this.#number();
        throw this.#unexpected("looking for beginning of value");
    }
  }

  #nested<Value>(read: () => Value): Value {
    if (++this.#depth > DEPTH_MAX) throw new JsonError("exceeded max depth");
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #object(): JsonObject {
    const fields: JsonField[] = [];
    this.#skipSpace();
    if (this.#peek() === CLOSE_OBJECT) {
      this.#at++;
      return new JsonObject(fields);
    }
    for (;;) {
      this.#skipSpace();
      if (this.#peek() !== QUOTE) {
        throw this.#unexpected("looking for beginning of object key string");
      }
      const nameAt = this.#at;
      const name = this.#string();
      this.#skipSpace();
      if (this.#peek() !== COLON) throw this.#unexpected("after object key");
      this.#at++;
      fields.push({ name, nameAt, node: this.#node() });
      this.#skipSpace();
      const next = this.#peek();
      if (next !== COMMA && next !== CLOSE_OBJECT) {
        throw this.#unexpected("after object key:value pair");
      }
      this.#at++;
      if (next === CLOSE_OBJECT) return new JsonObject(fields);
    }
  }

  #list(): JsonList {
    const items: JsonNode[] = [];
    this.#skipSpace();
    if (this.#peek() === CLOSE_LIST) {
      this.#at++;
      return new JsonList(items);
    }
    for (;;) {
      items.push(this.#node());
      this.#skipSpace();
      const next = this.#peek();
      if (next !== COMMA && next !== CLOSE_LIST) throw this.#unexpected("after array element");
      this.#at++;
      if (next === CLOSE_LIST) return new JsonList(items);
    }
  }

  #string(): string {
    assert(this.#bytes[this.#at] === QUOTE, "a string begins with a quote");
    this.#at++;
    let text = "";
    let start = this.#at;
    for (;;) {
      const byte = this.#peek();
      if (byte === QUOTE || byte === BACKSLASH) {
        if (this.#at > start) text += UTF8.decode(this.#bytes.subarray(start, this.#at));
        this.#at++;
        if (byte === QUOTE) return text;
        text += this.#escape();
        start = this.#at;
      } else if (byte < 0x20) throw this.#unexpected("in string literal");
      else this.#at++;
    }
  }

  #escape(): string {
    const byte = this.#peek();
    const character = ESCAPED.get(byte);
    if (character === undefined && byte !== 0x75) {
      throw this.#unexpected("in string escape code");
    }
    this.#at++;
    if (character !== undefined) return character;
    let code = 0;
    for (let i = 0; i < 4; i++) {
      const digit = Number.parseInt(String.fromCharCode(this.#peek()), 16);
      if (Number.isNaN(digit)) throw this.#unexpected("in \\u hexadecimal character escape");
      code = code * 16 + digit;
      this.#at++;
    }
    return String.fromCharCode(code);
  }

  #literal<Value>(word: string, value: Value): Value {
    for (let i = 0; i < word.length; i++) {
      if (this.#peek() !== word.charCodeAt(i)) {
        throw this.#unexpected(`in literal ${word} (expecting '${word.charAt(i)}')`);
      }
      this.#at++;
    }
    return value;
  }

  #number(): JsonNumber {
    const start = this.#at;
    if (this.#peek() === MINUS) this.#at++;
    if (this.#peek() === ZERO) this.#at++;
    else this.#digits("in numeric literal");
    if (this.#bytes[this.#at] === 0x2e) {
      this.#at++;
      this.#digits("after decimal point in numeric literal");
    }
    const exponent = this.#bytes[this.#at];
    if (exponent === 0x65 || exponent === 0x45) {
      this.#at++;
      const sign = this.#peek();
      if (sign === MINUS || sign === 0x2b) this.#at++;
      this.#digits("in exponent of numeric literal");
    }
    return new JsonNumber(UTF8.decode(this.#bytes.subarray(start, this.#at)));
  }

  #digits(where: string): void {
    if (!isDigit(this.#peek())) throw this.#unexpected(where);
    while (isDigit(this.#bytes[this.#at])) this.#at++;
  }

  #skipSpace(): void {
    while (isSpace(this.#bytes[this.#at])) this.#at++;
  }

  #peek(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new JsonError(END_TEXT);
    return byte;
  }

  #unexpected(where: string): JsonError {
    return new JsonError(`invalid character ${quoted(this.#peek())} ${where}`);
  }
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

const NAMED_CONTROLS: ReadonlyMap<number, string> = new Map([
  [0x07, "\\a"],
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0b, "\\v"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
  [0x27, "\\'"],
  [0x5c, "\\\\"],
]);

/** A byte in single quotes, as Go shows it: taken for a character of Latin-1. */
function quoted(byte: number): string {
  const named = NAMED_CONTROLS.get(byte);
  if (named !== undefined) return `'${named}'`;
  const isControl = byte < 0x20 || byte === 0x7f;
  if (isControl) return `'\\x${byte.toString(16).padStart(2, "0")}'`;
  const isSeen = byte < 0x7f || (byte > 0xa0 && byte !== 0xad);
  return isSeen ? `'${String.fromCharCode(byte)}'` : `'\\u00${byte.toString(16)}'`;
}
