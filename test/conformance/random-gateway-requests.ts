import fc from "fast-check";
import type { GatewayRequest } from "./gateway-client.ts";

/** Fields of one message: each there or not, by either name, right or now and then wrong. */
function message(fields: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<unknown> {
  const given = Object.entries(fields).map(([name, value]) => {
    const camel = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    const wrong = fc.constantFrom<unknown>({}, [], "?", 1.5, true, null, "1", "-");
    const odd = fc.oneof({ arbitrary: value, weight: 30 }, { arbitrary: wrong, weight: 1 });
    return fc.option(fc.tuple(fc.constantFrom(name, camel), odd), { nil: undefined, freq: 4 });
  });
  const all = fc.tuple(...given).map((pairs) => pairs.filter((pair) => pair !== undefined));
  return all.map((pairs) => Object.fromEntries(pairs));
}

const key = fc.constantFrom("YQ==", "YQ", "Yg==", "Yw==", "_-8=", "/+8=", "AA==", "");
const value = fc.base64String({ maxLength: 12 });
const bool = fc.boolean();
const small = fc.oneof(
  fc.integer({ min: -1, max: 12 }),
  fc.integer({ max: 12, min: 0 }).map(String),
);
const order = fc.constantFrom<unknown>("NONE", "ASCEND", "DESCEND", 0, 1, 2);

const rangeRequest = message({
  key,
  range_end: key,
  limit: small,
  revision: fc.constantFrom<unknown>(0, "0", 1, "2", 3),
  sort_order: order,
  sort_target: fc.constantFrom<unknown>("KEY", 0),
  serializable: bool,
  keys_only: bool,
  count_only: bool,
  min_mod_revision: small,
  max_create_revision: small,
});
const putRequest = message({ key, value, prev_kv: bool, ignore_value: bool });
const deleteRequest = message({ key, range_end: fc.constantFrom("", "Yg=="), prev_kv: bool });
const compare = fc.oneof(
  message({ result: fc.constantFrom<unknown>("EQUAL", "GREATER", 2), key, version: small }),
  message({ target: fc.constantFrom<unknown>("MOD", 2), key, mod_revision: small }),
  message({ target: fc.constantFrom<unknown>("VALUE", 3), key, value }),
);
const op = fc.oneof(
  rangeRequest.map((request) => ({ request_range: request })),
  putRequest.map((request) => ({ requestPut: request })),
  deleteRequest.map((request) => ({ request_delete_range: request })),
);
const ops = fc.array(op, { maxLength: 3 });
const txnRequest = message({
  compare: fc.array(compare, { maxLength: 2 }),
  success: ops,
  failure: ops,
});

function post(path: string, request: fc.Arbitrary<unknown>): fc.Arbitrary<GatewayRequest> {
  return fc.tuple(request, fc.constantFrom(0, 1)).map(([body, space]) => {
    return { path, body: JSON.stringify(body, null, space) };
  });
}

/** Requests of the key-value service, most of them right. */
export const randomGatewayRequests: fc.Arbitrary<GatewayRequest> = fc.oneof(
  post("/v3/kv/range", rangeRequest),
  post("/v3/kv/put", putRequest),
  post("/v3/kv/deleterange", deleteRequest),
  post("/v3/kv/txn", txnRequest),
);
