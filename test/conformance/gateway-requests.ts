import type { GatewayRequest } from "./gateway-client.ts";

type Peer = "etcd-3.4" | "etcd-3.5";

/** A request, and why a peer answers it otherwise, by the fact that says so. */
export interface ComparedRequest extends GatewayRequest {
  readonly unlike?: Partial<Record<Peer, string>>;
}

/** Gateways before 3.5 are of another make: other words for values that do not fit. */
const OLD_WORDS = { "etcd-3.4": "G7: the older gateway's words" };
const OLD_REFUSAL = { "etcd-3.4": "V10: plain text, 404 and 405" };
const NOT_THERE = { "etcd-3.4": "G21, V8: since 3.4.29" };

function range(json: string, unlike?: ComparedRequest["unlike"]): ComparedRequest {
  const asked = { path: "/v3/kv/range", body: json };
  return unlike === undefined ? asked : { ...asked, unlike };
}

function txn(json: string, unlike?: ComparedRequest["unlike"]): ComparedRequest {
  return { ...range(json, unlike), path: "/v3/kv/txn" };
}

const KEY_VALUE: readonly ComparedRequest[] = [
  { path: "/v3/kv/put", body: '{"key":"Zm9v","value":"YmFy"}' },
  { path: "/v3/kv/put", body: '{"key":"Zm9v","value":"YmF6","prev_kv":true}' },
  { path: "/v3/kv/put", body: '{"key":"Zm8/","value":"+/8=","prevKv":true}' },
  { path: "/v3/kv/put", body: '{"key":"YQ==","lease":7}' },
  { path: "/v3/kv/put", body: '{"key":"YQ==","lease":"9223372036854775807"}' },
  { path: "/v3/kv/put", body: '{"key":"YQ==","value":"\\u0059Q=="}' },
  { path: "/v3/kv/put", body: '{"value":"YQ=="}' },
  range('{"key":"Zm9v"}'),
  range('{"key":"AA==","range_end":"AA==","sort_target":"MOD","sort_order":"DESCEND"}'),
  range('{"key":"AA==","rangeEnd":"AA==","sortTarget":4,"sortOrder":1,"limit":"1"}'),
  range('{"key":"AA","range_end":"AA","count_only":true}', OLD_WORDS),
  range('{"key":"Zm8_"}', OLD_WORDS),
  range('{"key":"Zm8_","range_end":"Zm8-"}', OLD_WORDS),
  range('{"key":"AA==","range_end":"AA==","keys_only":true,"min_mod_revision":3}'),
  range(' \n{"key"\t:\r"Zm9v" } trailing'),
  range('{"key":"Zm9v","__proto__":1,"constructor":{"a":[1]},"what":null}'),
  range('{"key":"Zm9v","revision":100}'),
  range('{"key":"Zm9v","revision":"1"}'),
  range('{"key":"Zm9v","limit":null,"range_end":null}'),
  range('{"key":"Zm9v","limit":"0"}'),
  { path: "/v3beta/kv/range", body: '{"key":"Zm9v"}' },
  { path: "/v3/kv/range?a=b", body: '{"key":"Zm9v"}' },
  { path: "/v3/kv/deleterange", body: '{"key":"Zm8/","prev_kv":true}' },
  { path: "/v3/kv/deleterange", body: '{"key":"bm8="}' },
  txn(
    '{"compare":[{"result":"EQUAL","target":"VERSION","key":"Zm9v","version":"2"}],' +
      '"success":[{"request_range":{"key":"Zm9v"}},{"requestPut":{"key":"Zm9v","prevKv":true}}]}',
  ),
  txn(
    '{"compare":[{"target":"VALUE","key":"Zm9v","value":"YQ=="}],' +
      '"failure":[{"request_delete_range":{"key":"eA=="}},{"request_txn":{}}]}',
  ),
  txn('{"compare":[{"target":"MOD","result":1,"key":"Zm9v","modRevision":0}]}'),
  txn("{}"),
  { path: "/v3/kv/compaction", body: '{"revision":3}' },
  { path: "/v3/kv/compaction", body: '{"revision":"3","physical":true}' },
  range('{"key":"Zm9v","revision":2}'),
];

const WRONG_JSON: readonly ComparedRequest[] = [
  range(""),
  range("{"),
  range("x"),
  range('{"key":"Zm9v",}'),
  range('{"key" "Zm9v"}'),
  range('{"key":"Zm9v"'),
  range('{"key":tru}'),
  range('{"key":"\\q"}'),
  range('{"key":5}', OLD_WORDS),
  range('{"key":{}}', OLD_WORDS),
  range('{"key":["Zm9v"]}', OLD_WORDS),
  range('{"key":"Z*9v"}', OLD_WORDS),
  range('{"key":"Zm9vY"}', OLD_WORDS),
  range('{"key":"Zm9=v"}', OLD_WORDS),
  range('{"key":"Zm9v","limit":"abc"}', OLD_WORDS),
  range('{"key":"Zm9v",\n "limit":1.5}', OLD_WORDS),
  range('{"key":"Zm9v","limit":1.0}', OLD_WORDS),
  range('{"key":"Zm9v","limit":1e1}', OLD_WORDS),
  range('{"key":"Zm9v","limit":"1e1"}', OLD_WORDS),
  range('{"key":"Zm9v","limit":true}', OLD_WORDS),
  range('{"key":"Zm9v","limit":99999999999999999999}', OLD_WORDS),
  range('{"key":"Zm9v","limit":"-9223372036854775809"}', OLD_WORDS),
  range('{"key":"Zm9v","sort_order":"UP"}', OLD_WORDS),
  range('{"key":"Zm9v","sort_order":true}', OLD_WORDS),
  range('{"key":"Zm9v","sort_order":1.5}', OLD_WORDS),
  range('{"key":"Zm9v","serializable":"true"}', OLD_WORDS),
  range('{"key":"Zm9v","serializable":1}', OLD_WORDS),
  range('{"key":"Zm9v","key":"Zm9v"}', OLD_WORDS),
  range('{"key":"Zm9v","range_end":"","rangeEnd":""}', OLD_WORDS),
  range("null", OLD_WORDS),
  range("[]", OLD_WORDS),
  range('"x"', OLD_WORDS),
  range("5 ", OLD_WORDS),
  txn('{"compare":5}', OLD_WORDS),
  txn('{"compare":{}}', OLD_WORDS),
  txn('{"compare":[5]}', OLD_WORDS),
  txn('{"success":[{"request_put":"x"}]}', OLD_WORDS),
  txn('{"compare":[{"key":"Zm9v","version":"1","mod_revision":3}]}', OLD_WORDS),
  txn(
    '{"success":[{"request_range":{"key":"eA=="},"requestDeleteRange":{"key":"eA=="}}]}',
    OLD_WORDS,
  ),
];

const ROUTES: readonly ComparedRequest[] = [
  { path: "/v3/nothing", body: "{}", unlike: OLD_REFUSAL },
  { path: "/v3/", unlike: OLD_REFUSAL },
  { path: "/v3/kv/range/", body: "{}", unlike: OLD_REFUSAL },
  { path: "/v3/kv/range", unlike: OLD_REFUSAL },
  { path: "/v3/kv/range", method: "PUT", body: "{}", unlike: OLD_REFUSAL },
  { path: "/v3/watch", unlike: OLD_REFUSAL },
  { path: "/v3" },
  { path: "/v3/kv/range", method: "OPTIONS" },
  { path: "/anything", method: "OPTIONS" },
  { path: "/" },
  { path: "/v2/keys" },
  { path: "/v4/kv/range", body: "{}" },
  { path: "/version", method: "HEAD" },
  { path: "/version", body: "{}" },
  { path: "/health", method: "PUT" },
  { path: "/health", unlike: { "etcd-3.4": "V11: without a reason" } },
  { path: "/health?serializable=true", unlike: { "etcd-3.4": "V11: without a reason" } },
  { path: "/health?exclude=NOSPACE", unlike: { "etcd-3.4": "V11: without a reason" } },
  { path: "/livez", unlike: NOT_THERE },
  { path: "/livez?verbose", unlike: NOT_THERE },
  { path: "/livez/serializable_read?verbose", unlike: NOT_THERE },
  { path: "/livez/linearizable_read" },
  { path: "/readyz", unlike: NOT_THERE },
  { path: "/readyz", method: "POST", unlike: NOT_THERE },
  { path: "/readyz/data_corruption?verbose&exclude=data_corruption", unlike: NOT_THERE },
  {
    path: "/readyz?verbose&exclude=serializable_read&exclude=linearizable_read&exclude=non_learner",
    unlike: NOT_THERE,
  },
];

const HEADERS: readonly ComparedRequest[] = [
  { ...range('{"key":"Zm9v"}'), headers: { "content-type": "text/xml" } },
  { ...range('{"key":"Zm9v"}'), headers: { "grpc-timeout": "1n" } },
  { ...range('{"key":"Zm9v"}'), headers: { "grpc-timeout": "5S" } },
  { ...range('{"key":"Zm9v"}'), headers: { "grpc-timeout": "abc" } },
  { ...range('{"key":"Zm9v"}'), headers: { "grpc-metadata-hasleader": "true" } },
  { path: "/v3/kv/put", body: JSON.stringify({ key: "YQ==", value: "A".repeat(2_800_000) }) },
];

const STREAMS: readonly ComparedRequest[] = [
  { path: "/v3/lease/keepalive", body: '{"ID":5}' },
  { path: "/v3/lease/keepalive", body: '{"ID":5}\n {"ID":"9223372036854775807"}' },
  { path: "/v3/lease/keepalive", body: '{"ID":5} what' },
  {
    path: "/v3/watch",
    body: '{"create_request":{"key":"Zm9v","start_revision":4,"prev_kv":true}}',
    lines: 2,
  },
  {
    path: "/v3/watch",
    body: '{"createRequest":{"key":"Zm9v","watchId":7,"startRevision":"2"}}',
    lines: 2,
  },
  {
    path: "/v3/watch",
    body: '{"create_request":{"key":"Zm9v","filters":["NODELETE",0]}}{"cancel_request":{}}',
    lines: 2,
  },
  { path: "/v3/watch", body: '{"create_request":{"key":"Zm9v"}} [1]', lines: 1 },
];

/** All of them, in an order in which each meets the same state everywhere. */
export const COMPARED_REQUESTS: readonly ComparedRequest[] = [
  ...KEY_VALUE,
  ...WRONG_JSON,
  ...ROUTES,
  ...HEADERS,
  ...STREAMS,
];
