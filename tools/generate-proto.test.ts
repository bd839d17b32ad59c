import { expect, test } from "vitest";
import { SCHEMA_PARTS } from "../src/api/proto/schema-parts.ts";
import { generateMessageTypes, generatePart } from "./generate-proto.ts";

const FOLDER = "../src/api/proto";

test.each(Object.keys(SCHEMA_PARTS))(
  "the types of part %s are what the schema says",
  async (name) => {
    const text = generatePart(name, SCHEMA_PARTS);
    expect(text).toContain("export ");
    await expect(text).toMatchFileSnapshot(`${FOLDER}/messages-${name}.ts`);
  },
);

test("the list of message types is what the schema says", async () => {
  const text = generateMessageTypes(SCHEMA_PARTS);
  expect(text.match(/^ {2}readonly \w+: \w+;$/gm)?.length).toBe(130);
  await expect(text).toMatchFileSnapshot(`${FOLDER}/message-types.ts`);
});
