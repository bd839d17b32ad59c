import { readFileSync } from "node:fs";
import path from "node:path";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { WATCHERS_SCHEMA } from "../src/api/proto/schema-watchers.ts";
import { SERVICES } from "../src/api/proto/services.ts";

const PAGE = path.resolve(import.meta.dirname, "../docs/watchers-admin.md");

function documented(): protobuf.Namespace {
  const [, text] = /```proto\n(.*?)```/s.exec(readFileSync(PAGE, "utf8")) ?? [];
  const { root } = protobuf.parse(text ?? "", { keepCase: true });
  return root.lookup("vedette.v1") as protobuf.Namespace;
}

test("the documented .proto has the messages of the schema, field by field", () => {
  const messages = documented().nestedArray.filter((one) => one instanceof protobuf.Type);
  const fromPage = messages.map(({ name, fieldsArray }) => [
    name,
    fieldsArray.map(({ name: field, id, type, repeated }) => {
      return [field, id, type.replace("etcdserverpb.", ""), repeated];
    }),
  ]);
  const schema = Object.entries(WATCHERS_SCHEMA.messages["vedette.v1"] ?? {});
  const fromSchema = schema.map(([name, fields]) => [
    name,
    Object.entries(fields).map(([field, { number, type, typeName, isRepeated }]) => {
      return [field, number, type === "message" ? typeName : type, isRepeated];
    }),
  ]);
  expect(fromSchema.length).toBeGreaterThan(5);
  expect(Object.fromEntries(fromPage)).toEqual(Object.fromEntries(fromSchema));
});

test("the documented .proto has the methods of the service", () => {
  const service = documented().lookupService("Watchers");
  const fromPage = service.methodsArray.map(({ name, requestType, responseType }) => {
    return [`/vedette.v1.Watchers/${name}`, requestType, responseType];
  });
  const ours = SERVICES.find(({ name }) => name === "vedette.v1.Watchers")?.methods ?? [];
  expect(fromPage).toEqual(ours.map(({ path: at, request, response }) => [at, request, response]));
});
