import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonDocument, JsonError, JsonList, JsonNumber, JsonObject } from "./json-value.ts";
import type { JsonNode } from "./json-value.ts";

const JSON_LETTERS: readonly string[] = '{ } [ ] , : " \\ u 0 1 e E + - . t f n'.split(" ");

function parse(text: string): JsonDocument | undefined {
  return JsonDocument.parse(Buffer.from(text));
}

/** What JSON.parse would make of it. */
function plain({ value }: JsonNode): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value instanceof JsonList) return value.items.map(plain);
  if (value instanceof JsonObject) {
    return Object.fromEntries(value.fields.map(({ name, node }) => [name, plain(node)]));
  }
  return value;
}

function faultOf(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof JsonError) return error.message;
    throw error;
  }
  return "none";
}

describe("JSON of a request", () => {
  test("is read as JSON.parse reads it, however it is spaced", () => {
    const spaces = fc.constantFrom(undefined, 1, "\t", "\n \r\n");
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), spaces, (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        const document = parse(` \n${text} and more`);
        expect(document === undefined ? undefined : plain(document.root)).toEqual(JSON.parse(text));
      }),
    );
  });

  test("never ends in anything but a value or a JsonError, whatever the bytes are", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...JSON_LETTERS), maxLength: 30 }),
    );
    fc.assert(
      fc.property(bytes, (given) => {
        const buffer = typeof given === "string" ? Buffer.from(given) : Buffer.from(given);
        let isFault = false;
        try {
          JsonDocument.parse(buffer);
        } catch (error) {
          if (!(error instanceof JsonError)) throw error;
          isFault = true;
        }
        if (isFault) expect(() => JSON.parse(buffer.toString())).toThrow(SyntaxError);
      }),
    );
  });

  test("keeps all digits of a number", () => {
    const root = parse("12345678901234567890.5e-7")?.root;
    expect(root?.value).toEqual(new JsonNumber("12345678901234567890.5e-7"));
  });

  test("is nothing when there is only white space", () => {
    expect(parse(" \r\n\t")).toBeUndefined();
  });

  test.each([
    ["{", "unexpected EOF"],
    ['{"a":"', "unexpected EOF"],
    ["x", "invalid character 'x' looking for beginning of value"],
    ["'", "invalid character '\\'' looking for beginning of value"],
    ["\u0001", "invalid character '\\x01' looking for beginning of value"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 2}', "invalid character '2' after object key:value pair"],
    ["[1 2]", "invalid character '2' after array element"],
    ['"\n"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ["trve", "invalid character 'v' in literal true (expecting 'u')"],
    ["-x", "invalid character 'x' in numeric literal"],
    ["1.x", "invalid character 'x' after decimal point in numeric literal"],
    ["1ex", "invalid character 'x' in exponent of numeric literal"],
  ])("%j is refused in Go's words", (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test("is refused beyond 200 levels, and read up to them", () => {
    expect(faultOf("[".repeat(200) + "]".repeat(200))).toBe("none");
    expect(faultOf("[".repeat(201) + "]".repeat(201))).toBe("exceeded max depth");
    expect(faultOf("[".repeat(1_000_000))).toBe("exceeded max depth");
  });
});
