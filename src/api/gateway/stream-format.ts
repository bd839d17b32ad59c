import type { GrpcCode } from "../../base/errors.ts";
import type { Fields } from "../proto/message-codec.ts";
import { streamErrorBody } from "./http-status.ts";

/** How the messages of a stream stand in the body of its answer. */
export interface StreamFormat {
  readonly headers: Readonly<Record<string, string>>;
  /** One message, as an object and as JSON. */
  result(message: Readonly<Fields>, json: string): string;
  /** The failure that ends the stream. */
  error(code: GrpcCode, text: string): string;
}

/** One JSON object a line (G4). */
export const JSON_LINES: StreamFormat = {
  headers: {
    "content-type": "application/json",
    "grpc-metadata-content-type": "application/grpc",
  },
  result: (_message, json) => `{"result":${json}}\n`,
  error: (code, text) => `${streamErrorBody(code, text)}\n`,
};
