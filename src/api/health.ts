import { GrpcCode } from "../base/errors.ts";
import { WireWriter } from "../base/wire.ts";
import type { Method, StreamCall, StreamHandler } from "./call.ts";
import { decode, DESCRIPTORS, encode } from "./proto/codec.ts";
import { type HealthCheckRequest, ServingStatus } from "./proto/messages-health.ts";
import { decodeOrFail, NO_REQUEST, undecodableText } from "./unary.ts";

const UNKNOWN_SERVICE = "unknown service";

/** gRPC's own health service: the server as a whole, under the empty name, is serving (M60). */
export function healthMethods(): readonly (readonly [string, Method])[] {
  return [
    [
      "/grpc.health.v1.Health/Check",
      {
        kind: "unary",
        handle(bytes, call) {
          const request = decodeOrFail(decodeRequest, bytes, call);
          if (request === undefined) return;
          if (request.service === "") call.reply(statusMessage(ServingStatus.SERVING));
          else call.fail(GrpcCode.notFound, UNKNOWN_SERVICE);
        },
      },
    ],
    ["/grpc.health.v1.Health/Watch", { kind: "stream", open: (call) => new HealthWatch(call) }],
  ];
}

/** Tells the status once; it does not change while the server runs, and ends with it. */
class HealthWatch implements StreamHandler {
  readonly #call: StreamCall;
  #asked = false;

  constructor(call: StreamCall) {
    this.#call = call;
  }

  message(bytes: Uint8Array): void {
    if (this.#asked) return;
    this.#asked = true;
    try {
      const isKnown = decodeRequest(bytes).service === "";
      this.#call.send(
        statusMessage(isKnown ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN),
      );
    } catch (error) {
      this.#call.end(GrpcCode.internal, undecodableText(error));
    }
  }

  /** Who has asked goes on listening. */
  halfClosed(): void {
    if (!this.#asked) this.#call.end(GrpcCode.internal, NO_REQUEST);
    this.#asked = true;
  }

  cancelled(): void {
    this.#asked = true;
  }

  drained(): void {}
}

function decodeRequest(bytes: Uint8Array): HealthCheckRequest {
  return decode(DESCRIPTORS.HealthCheckRequest, bytes);
}

function statusMessage(status: number): Uint8Array {
  const writer = new WireWriter(16);
  encode(DESCRIPTORS.HealthCheckResponse, { status }, writer);
  return writer.bytes();
}
