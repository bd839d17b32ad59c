import { EtcdError, GrpcCode } from "../base/errors.ts";
import { WireError, WireWriter } from "../base/wire.ts";
import type { Outcome } from "../machine/result.ts";
import type { Method, UnaryCall } from "./call.ts";
import { decode, type Descriptor, type Draft, encode } from "./proto/codec.ts";

/** What a client hears that asks for a stream and then closes its side without a request. */
export const NO_REQUEST =
  "cardinality violation: received no request message from non-client-streaming RPC";

/** What a client hears of a message that cannot be read (E82). An error of ours goes on. */
export function undecodableText(error: unknown): string {
  if (!(error instanceof WireError)) throw error;
  return `grpc: error unmarshalling request: ${error.message}`;
}

/** The request, or undefined when it cannot be read and the call has been failed for it. */
export function decodeOrFail<Request>(
  decodeRequest: (bytes: Uint8Array) => Request,
  bytes: Uint8Array,
  call: UnaryCall,
): Request | undefined {
  try {
    return decodeRequest(bytes);
  } catch (error) {
    call.fail(GrpcCode.internal, undecodableText(error));
    return undefined;
  }
}

export function failWith(call: UnaryCall, error: EtcdError): void {
  call.fail(error.code, error.message);
}

/** The messages of a method that is not worth codecs of its own. */
export interface UnaryMessages<Request, Response> {
  readonly request: Descriptor<Request>;
  readonly response: Descriptor<Response>;
}

/**
 * A unary method by the schema's codecs. `handle` answers by `done`, once, now or later; the bytes
 * of the request are borrowed until it returns.
 */
export function unaryMethod<Request, Response>(
  messages: UnaryMessages<Request, Response>,
  handle: (
    request: Request,
    done: (outcome: Outcome<Draft<Response>>) => void,
    call: UnaryCall,
  ) => void,
): Method {
  const writer = new WireWriter();
  const decodeRequest = (bytes: Uint8Array): Request => decode(messages.request, bytes);
  return {
    kind: "unary",
    handle(bytes: Uint8Array, call: UnaryCall): void {
      const request = decodeOrFail(decodeRequest, bytes, call);
      if (request === undefined) return;
      const done = (outcome: Outcome<Draft<Response>>): void => {
        if (outcome instanceof EtcdError) {
          failWith(call, outcome);
          return;
        }
        writer.reset();
        encode(messages.response, outcome, writer);
        call.reply(writer.bytes());
      };
      handle(request, done, call);
    },
  };
}
