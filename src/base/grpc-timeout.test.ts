import { expect, test } from "vitest";
import { parseGrpcTimeout } from "./grpc-timeout.ts";

test.each([
  ["1H", 3_600_000],
  ["2M", 120_000],
  ["3S", 3000],
  ["4m", 4],
  ["5000u", 5],
  ["99999999n", 99.999_999],
  ["0S", 0],
])("grpc-timeout %s is %d ms", (text, ms) => {
  expect(parseGrpcTimeout(text)).toBeCloseTo(ms, 9);
});

test.each([
  ["", "too short"],
  ["S", "too short"],
  ["123456789S", "too long"],
  ["10s", "unit is not recognized"],
  ["10", "unit is not recognized"],
  ["-1S", "invalid syntax"],
  ["1.5S", "invalid syntax"],
  ["1 S", "invalid syntax"],
])("grpc-timeout %j is %s", (text, reason) => {
  expect(parseGrpcTimeout(text)).toContain(reason);
});
