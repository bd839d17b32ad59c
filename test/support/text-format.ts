import {
  type FieldFact,
  type FieldValue,
  type Message,
  enumFacts,
  messageFact,
  messageFacts,
} from "./wire-codec.ts";

/**
 * Messages as text, for scenario files: `key:a limit:3 compare:{target:VALUE key:a value:"x y"}`.
 * A bare word or a quoted text (`\xNN` for any byte) is bytes, a number or an enum's name as the
 * field wants it. Repeated fields are written again. Two shorthands keep scenarios short:
 * `value:x*1000` is a thousand x, and `success*129:{...%i...}` writes the field 129 times with `%i`
 * replaced by 0, 1, 2...
 */
export function parseText(type: string, text: string): Message {
  const cursor = { text: expandRepeats(text), at: 0 };
  const message = parseFields(type, cursor);
  if (cursor.at < cursor.text.length)
    throw new Error(`text left over: ${cursor.text.slice(cursor.at)}`);
  return message;
}

interface TextCursor {
  readonly text: string;
  at: number;
}

function expandRepeats(text: string): string {
  const match = /(\w+)\*(\d+):\{/.exec(text);
  if (match === null) return text;
  const [whole, name = "", times = ""] = match;
  const open = match.index + whole.length - 1;
  const close = closingBrace(text, open);
  const body = text.slice(open, close + 1);
  const copies = Array.from(
    { length: Number(times) },
    (_, i) => `${name}:${body.replaceAll("%i", String(i))}`,
  );
  return expandRepeats(text.slice(0, match.index) + copies.join(" ") + text.slice(close + 1));
}

function closingBrace(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if (text[i] === "{") depth++;
    if (text[i] === "}") depth--;
    if (depth === 0) return i;
  }
  throw new Error("a brace is not closed");
}

function parseFields(type: string, cursor: TextCursor): Message {
  const message: Message = {};
  const fact = messageFact(type);
  for (;;) {
    skipSpace(cursor);
    const match = /^(\w+):/.exec(cursor.text.slice(cursor.at, cursor.at + 64));
    if (match === null) return message;
    cursor.at += match[0].length;
    const field = fact.byName.get(match[1] ?? "");
    if (field === undefined) throw new Error(`${type} has no field ${match[1]}`);
    const value = parseValue(field, cursor);
    if (field.repeated) {
      message[field.name] = [...((message[field.name] as FieldValue[] | undefined) ?? []), value];
    } else {
      message[field.name] = value;
    }
  }
}

function skipSpace(cursor: TextCursor): void {
  while (/\s/.test(cursor.text[cursor.at] ?? "")) cursor.at++;
}

function parseValue(field: FieldFact, cursor: TextCursor): FieldValue {
  if (messageFacts.has(field.type)) {
    if (cursor.text[cursor.at] !== "{") throw new Error(`${field.name} wants {...}`);
    cursor.at++;
    const message = parseFields(field.type, cursor);
    skipSpace(cursor);
    if (cursor.text[cursor.at] !== "}") throw new Error(`${field.name}: a brace is not closed`);
    cursor.at++;
    return message;
  }
  const match = /^(?:"((?:[^"\\]|\\.)*)"|([^\s{}]*))/.exec(cursor.text.slice(cursor.at));
  if (match === null) throw new Error(`${field.name} has no value`);
  cursor.at += match[0].length;
  return scalarFromText(field, match[1] === undefined ? (match[2] ?? "") : unescape(match[1]));
}

function unescape(text: string): string {
  return text.replaceAll(/\\(?:x([0-9a-f]{2})|(.))/g, (_, hex: string | undefined, char: string) =>
    hex === undefined ? char : String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function scalarFromText(field: FieldFact, text: string): FieldValue {
  const names = enumFacts.get(field.type);
  if (names !== undefined) return names.get(text) ?? Number(text);
  switch (field.type) {
    case "bytes": {
      const run = /^(.)\*(\d+)$/.exec(text);
      const bytes = run === null ? text : (run[1] ?? "").repeat(Number(run[2]));
      return Buffer.from(bytes, "latin1");
    }
    case "string":
      return text;
    case "bool":
      return text === "true";
    default:
      return BigInt(text);
  }
}

/** The reverse: fields in the order of the facts, `header` shown as `rev:N` (its ids differ by nature). */
export function printMessage(type: string, message: Message): string {
  const parts: string[] = [];
  for (const field of messageFact(type).byName.values()) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (field.type === "ResponseHeader") {
      parts.push(printHeader(value as Message));
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      parts.push(`${field.name}:${printValue(field, one)}`);
    }
  }
  return parts.join(" ");
}

function printHeader(header: Message): string {
  if (Object.keys(header).length === 0) return "header:{}";
  return `rev:${String(header["revision"] ?? 0)}`;
}

function printValue(field: FieldFact, value: FieldValue): string {
  if (messageFacts.has(field.type)) return `{${printMessage(field.type, value as Message)}}`;
  for (const [name, number] of enumFacts.get(field.type) ?? []) {
    if (number === value) return name;
  }
  return value instanceof Uint8Array ? printBytes(value) : printWord(String(value));
}

/** Bytes as a word where they are one, quoted and escaped otherwise, and by length when long. */
export function printBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1");
  if (text.length > 48) {
    return text === (text[0] ?? "").repeat(text.length)
      ? `${printWord(text[0] ?? "")}*${text.length}`
      : `<${text.length} bytes>`;
  }
  return printWord(text);
}

function printWord(text: string): string {
  if (/^[\w./:,-]+$/.test(text)) return text;
  const escaped = text.replaceAll(
    /[^\x20-\x7e]|["\\]/g,
    (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return `"${escaped}"`;
}
