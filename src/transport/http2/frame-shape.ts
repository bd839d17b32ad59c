import type { FrameHeader } from "./frame-reader.ts";
import { ConnectionError, ErrorCode, Flag, FrameType } from "./frames.ts";
import { FRAME_BYTES_MAX } from "./limits.ts";

/**
 * Checks what a frame's type alone says about its length and stream, before its payload has come
 * (RFC 9113 §4.2, §6). PRIORITY's length is left to its stream, where it is no fault of the rest.
 * @throws ConnectionError
 */
export function checkShape(header: FrameHeader): void {
  const { type, length, streamId } = header;
  if (length > FRAME_BYTES_MAX) throw sizeError("frame larger than allowed");
  switch (type) {
    case FrameType.data:
    case FrameType.headers:
    case FrameType.priority:
    case FrameType.continuation:
      requireStream(streamId);
      return;
    case FrameType.resetStream:
      if (length !== 4) throw sizeError("RST_STREAM has four bytes");
      requireStream(streamId);
      return;
    case FrameType.settings:
      if (length % 6 !== 0) throw sizeError("SETTINGS come in six bytes each");
      if ((header.flags & Flag.ack) !== 0 && length > 0) throw sizeError("SETTINGS ACK is empty");
      refuseStream(streamId);
      return;
    case FrameType.pushPromise:
      throw new ConnectionError(ErrorCode.protocolError, "PUSH_PROMISE from a client");
    case FrameType.ping:
      if (length !== 8) throw sizeError("PING has eight bytes");
      refuseStream(streamId);
      return;
    case FrameType.goAway:
      if (length < 8) throw sizeError("GOAWAY has eight bytes or more");
      refuseStream(streamId);
      return;
    case FrameType.windowUpdate:
      if (length !== 4) throw sizeError("WINDOW_UPDATE has four bytes");
      return;
    default:
      return;
  }
}

function requireStream(streamId: number): void {
  if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, "frame without a stream");
}

function refuseStream(streamId: number): void {
  if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, "frame on a stream");
}

function sizeError(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.frameSizeError, reason);
}
