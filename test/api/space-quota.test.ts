import { beforeEach, expect, test } from "vitest";
import { DESCRIPTORS, type Draft } from "../../src/api/proto/codec.ts";
import type { RequestOp } from "../../src/api/proto/messages-key-value.ts";
import { latin1, MEMBER, QUOTA_BYTES, TestServices } from "./test-services.ts";

const PUT = { request: DESCRIPTORS.PutRequest, response: DESCRIPTORS.PutResponse };
const TXN = { request: DESCRIPTORS.TxnRequest, response: DESCRIPTORS.TxnResponse };
const DELETE = {
  request: DESCRIPTORS.DeleteRangeRequest,
  response: DESCRIPTORS.DeleteRangeResponse,
};
const ALARM = { request: DESCRIPTORS.AlarmRequest, response: DESCRIPTORS.AlarmResponse };
const NO_SPACE = "8: etcdserver: mvcc: database space exceeded";

let services: TestServices;
beforeEach(() => {
  services = new TestServices();
});

function put(valueBytes: number): unknown {
  const value = new Uint8Array(valueBytes);
  return services.call("/etcdserverpb.KV/Put", PUT, { key: latin1("k"), value });
}

function txn(success: readonly Draft<RequestOp>[]): unknown {
  return services.call("/etcdserverpb.KV/Txn", TXN, { success });
}

function alarms(): unknown {
  return services.call("/etcdserverpb.Maintenance/Alarm", ALARM, {});
}

test("a put is refused at the byte where store and cost reach the quota, and raises NOSPACE (M20)", () => {
  services.replica.storedBytes = QUOTA_BYTES - 256 - 1 - 100;
  expect(put(99)).toBeTypeOf("object");
  expect(alarms()).toMatchObject({ alarms: [] });
  expect(put(100)).toBe(NO_SPACE);
  expect(alarms()).toMatchObject({ alarms: [{ memberID: MEMBER.memberId, alarm: 1 }] });
});

test("while the alarm stands puts are refused, and with room again still, but not deletes (M21)", () => {
  services.replica.storedBytes = QUOTA_BYTES;
  expect(put(1)).toBe(NO_SPACE);
  services.replica.storedBytes = 0;
  expect(put(1)).toBe(NO_SPACE);
  const key = latin1("k");
  expect(services.call("/etcdserverpb.KV/DeleteRange", DELETE, { key })).toBeTypeOf("object");
  const alarm = { memberID: MEMBER.memberId, alarm: 1 };
  services.call("/etcdserverpb.Maintenance/Alarm", ALARM, { action: 2, ...alarm });
  expect(put(1)).toBeTypeOf("object");
});

test("a txn without a put passes a full store, one with a put does not (M20)", () => {
  services.replica.storedBytes = QUOTA_BYTES;
  const key = latin1("k");
  expect(txn([{ request: { kind: "requestDeleteRange", value: { key } } }])).toBeTypeOf("object");
  expect(alarms()).toMatchObject({ alarms: [] });
  expect(txn([{ request: { kind: "requestPut", value: { key } } }])).toBe(NO_SPACE);
  expect(alarms()).toMatchObject({ alarms: [{ alarm: 1 }] });
});

test("the refusal leaves when the alarm is durable", () => {
  services.replica.storedBytes = QUOTA_BYTES;
  services.replica.holds = true;
  expect(put(1)).toBeUndefined();
});
