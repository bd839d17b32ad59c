import { dataFrame, FrameType, headersFrame } from "./frames.ts";
import { block, type Field } from "./hpack.ts";
import type { Frame, RawClient } from "./raw-client.ts";

/** gRPC over raw frames, as its HTTP/2 protocol description says. */

export function grpcFields(path: string, extra: readonly Field[] = []): readonly Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "localhost"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...extra,
  ];
}

/** Opens a call; its messages are still to come. */
export function openCall(streamId: number, path: string, extra: readonly Field[] = []): Buffer {
  return headersFrame(streamId, block(grpcFields(path, extra)));
}

/** A message with its five-byte prefix: compressed flag and length. */
export function message(bytes: Uint8Array, compressed = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** A whole unary call: one message that ends the stream. Messages must fit in one frame. */
export function unaryCall(
  streamId: number,
  path: string,
  bytes: Uint8Array,
  extra: readonly Field[] = [],
): Buffer {
  return Buffer.concat([
    openCall(streamId, path, extra),
    dataFrame(streamId, message(bytes), true),
  ]);
}

/** Frames of one stream's body, none longer than 16 KiB. */
export function bodyFrames(streamId: number, bytes: Uint8Array, end: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16384) {
    const isLast = at + 16384 >= bytes.length;
    frames.push(dataFrame(streamId, bytes.subarray(at, at + 16384), isLast && end));
  }
  return Buffer.concat(frames);
}

export interface Answer {
  readonly httpStatus: string | undefined;
  readonly contentType: string | undefined;
  readonly messages: readonly Buffer[];
  readonly status: number;
  /** grpc-message as sent, before percent-decoding. */
  readonly rawText: string;
  readonly text: string;
  /** True when one HEADERS frame was the whole answer. */
  readonly isTrailersOnly: boolean;
}

/** Waits for the end of the stream and reads what came on it. */
export async function answer(client: RawClient, streamId: number): Promise<Answer> {
  await client.ended(streamId);
  const frames = client.received.filter((frame) => frame.streamId === streamId);
  const heads = frames.filter(({ fields }) => fields !== undefined);
  const first = heads[0]?.fields;
  const last = heads.at(-1)?.fields;
  const rawText = last?.get("grpc-message") ?? "";
  return {
    httpStatus: first?.get(":status"),
    contentType: first?.get("content-type"),
    messages: splitMessages(Buffer.concat(frames.filter(isData).map(({ payload }) => payload))),
    status: Number(last?.get("grpc-status") ?? Number.NaN),
    rawText,
    text: decodeURIComponent(rawText),
    isTrailersOnly: heads.length === 1,
  };
}

function isData(frame: Frame): boolean {
  return frame.type === FrameType.data;
}

/** Throws when bytes are left over. */
export function splitMessages(body: Buffer): readonly Buffer[] {
  const messages: Buffer[] = [];
  let at = 0;
  while (at < body.length) {
    const length = body.readUInt32BE(at + 1);
    if (body[at] !== 0) throw new Error("a compressed answer");
    if (at + 5 + length > body.length) throw new Error("an answer with half a message");
    messages.push(body.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
