import { describe, expect, test } from "vitest";
import { decode, DESCRIPTORS } from "../../src/api/proto/codec.ts";
import { ServingStatus } from "../../src/api/proto/messages-health.ts";
import { openStream } from "./fake-calls.ts";
import { TestServices, toBytes } from "./test-services.ts";

const CHECK = {
  request: DESCRIPTORS.HealthCheckRequest,
  response: DESCRIPTORS.HealthCheckResponse,
};
const HEALTH = "/grpc.health.v1.Health/";

describe("Health service", () => {
  const services = new TestServices();

  test("knows only the server's own health (M60, E83)", () => {
    const serving = { status: ServingStatus.SERVING };
    expect(services.call(`${HEALTH}Check`, CHECK, {})).toEqual(serving);
    expect(services.call(`${HEALTH}Check`, CHECK, { service: "x" })).toBe("5: unknown service");
  });

  test.each([
    ["", ServingStatus.SERVING],
    ["x", ServingStatus.SERVICE_UNKNOWN],
  ])(
    "tells who watches %j once, and stays open when the client stops asking",
    (service, status) => {
      const { call, handler } = openStream(services.methods, `${HEALTH}Watch`);
      handler.message(toBytes(CHECK.request, { service }));
      handler.halfClosed();
      expect(call.sent.map((bytes) => decode(CHECK.response, bytes))).toEqual([{ status }]);
      expect(call.ended).toBeUndefined();
      handler.cancelled();
    },
  );

  test("ends a watch that asks for nothing readable", () => {
    const silent = openStream(services.methods, `${HEALTH}Watch`);
    silent.handler.halfClosed();
    expect(silent.call.ended?.code).toBe(13);
    const broken = openStream(services.methods, `${HEALTH}Watch`);
    broken.handler.message(Uint8Array.of(0x0a, 0x05));
    broken.handler.halfClosed();
    expect(broken.call.ended?.code).toBe(13);
  });
});
