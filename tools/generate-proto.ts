import {
  type EnumSchema,
  type FieldSchema,
  type FieldTable,
  jsonName,
  type SchemaPart,
} from "../src/api/proto/schema.ts";

/**
 * The TypeScript types of etcd's messages, made from the schema. `npx vitest run
 * tools/generate-proto.test.ts -u` writes the files; without `-u` it checks that they are what the
 * schema says.
 */
const NOTICE = "// Made from the schema by tools/generate-proto.ts; change the schema, not this.\n";

/** The file of one part: its enums and messages. */
export function generatePart(
  partName: string,
  parts: Readonly<Record<string, SchemaPart>>,
): string {
  const part = parts[partName];
  if (part === undefined) throw new Error(`no schema part called ${partName}`);
  const blocks: string[] = [];
  for (const [name, schema] of Object.entries(part.enums)) blocks.push(enumText(name, schema));
  for (const [packageName, messages] of Object.entries(part.messages)) {
    for (const [name, fields] of Object.entries(messages)) {
      blocks.push(messageText(packageName, name, fields));
    }
  }
  return [`${NOTICE}${importsText(partName, parts)}`, ...blocks].join("\n");
}

/** The file that names every message's type. */
export function generateMessageTypes(parts: Readonly<Record<string, SchemaPart>>): string {
  const imports: string[] = [];
  const rows: string[] = [];
  for (const [partName, part] of Object.entries(parts)) {
    const names = messageNames(part);
    imports.push(importText(names, partName));
    for (const name of names) rows.push(`  readonly ${name}: ${name};\n`);
  }
  imports.sort((left, right) => (moduleOf(left) < moduleOf(right) ? -1 : 1));
  const doc = "/** The type that each message of the schema decodes to, by name. */\n";
  return `${NOTICE}${imports.join("")}\n${doc}export interface MessageTypes {\n${rows.join("")}}\n`;
}

function enumText(name: string, schema: EnumSchema): string {
  const entries = Object.entries(schema.values);
  const types = entries.map(([key, value]) => `  readonly ${key}: ${value};\n`).join("");
  const inline = entries.map(([key, value]) => `${key}: ${value}`).join(", ");
  return `/** ${schema.fullName} */\nexport const ${name}: {\n${types}} = { ${inline} };\n`;
}

function messageText(packageName: string, name: string, fields: FieldTable): string {
  const doc = `/** ${packageName}.${name} */\n`;
  const rows: string[] = [];
  const unions = new Set<string>();
  for (const [fieldName, schema] of Object.entries(fields)) {
    if (schema.oneof === "") {
      rows.push(`${docText(schema)}  readonly ${jsonName(fieldName)}: ${typeText(schema)};\n`);
    } else if (!unions.has(schema.oneof)) {
      unions.add(schema.oneof);
      rows.push(unionText(schema.oneof, fields));
    }
  }
  // An empty interface would take any value at all; this one takes only objects without fields.
  if (rows.length === 0) return `${doc}export type ${name} = Readonly<Record<string, never>>;\n`;
  return `${doc}export interface ${name} {\n${rows.join("")}}\n`;
}

function unionText(union: string, fields: FieldTable): string {
  const members = Object.entries(fields).filter(([, schema]) => schema.oneof === union);
  const rows = members.map(([name, schema]) => {
    const kind = jsonName(name);
    return `    | { readonly kind: "${kind}"; readonly value: ${singleType(schema)} }\n`;
  });
  return `  readonly ${jsonName(union)}:\n${rows.join("")}    | undefined;\n`;
}

function docText(schema: FieldSchema): string {
  const facts: string[] = [];
  if (schema.type === "enum") facts.push(schema.typeName);
  if (schema.since !== "" && schema.since !== "3.0") facts.push(`since etcd ${schema.since}`);
  return facts.length === 0 ? "" : `  /** ${facts.join("; ")} */\n`;
}

function typeText(schema: FieldSchema): string {
  if (schema.isRepeated) return `readonly ${singleType(schema)}[]`;
  return schema.type === "message" ? `${schema.typeName} | undefined` : singleType(schema);
}

function singleType(schema: FieldSchema): string {
  switch (schema.type) {
    case "bytes":
      return "Uint8Array";
    case "string":
      return "string";
    case "bool":
      return "boolean";
    case "message":
      return schema.typeName;
    default:
      return schema.isExact ? "bigint" : "number";
  }
}

function importsText(partName: string, parts: Readonly<Record<string, SchemaPart>>): string {
  const part = parts[partName];
  if (part === undefined) throw new Error(`no schema part called ${partName}`);
  const wanted = new Set<string>();
  for (const messages of Object.values(part.messages)) {
    for (const fields of Object.values(messages)) {
      for (const { type, typeName } of Object.values(fields)) {
        if (type === "message") wanted.add(typeName);
      }
    }
  }
  const texts: string[] = [];
  for (const [otherName, other] of Object.entries(parts)) {
    const names = messageNames(other).filter((name) => wanted.has(name));
    if (otherName !== partName && names.length > 0) texts.push(importText(names, otherName));
  }
  return texts.join("");
}

function messageNames(part: SchemaPart): string[] {
  return Object.values(part.messages).flatMap((messages) => Object.keys(messages));
}

/** As the formatter leaves it: on one line where it fits, else a name a line. */
function importText(names: readonly string[], partName: string): string {
  const sorted = [...names].sort();
  const from = `from "./messages-${partName}.ts";\n`;
  const line = `import type { ${sorted.join(", ")} } ${from}`;
  if (line.length <= 101) return line;
  return `import type {\n${sorted.map((name) => `  ${name},\n`).join("")}} ${from}`;
}

function moduleOf(importLine: string): string {
  return importLine.slice(importLine.indexOf('from "'));
}
