/** HTTP/2 frames as bytes, written from RFC 9113 sections 4 and 6 for a client that may break them. */

export const FrameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const Flag = {
  none: 0,
  ack: 0x1,
  endStream: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

/** RFC 9113 section 7. */
export const ErrorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The length in the head is the payload's; `frameHead` alone can lie about it. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  return Buffer.concat([frameHead(payload.length, type, flags, streamId), payload]);
}

/** The nine bytes before a payload (section 4.1). Bit 31 of `streamId` is the reserved bit. */
export function frameHead(length: number, type: number, flags: number, streamId: number): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(streamId >>> 0, 5);
  return head;
}

export function dataFrame(streamId: number, payload: Uint8Array, end = false): Buffer {
  return frame(FrameType.data, end ? Flag.endStream : 0, streamId, payload);
}

export function paddedDataFrame(
  streamId: number,
  payload: Uint8Array,
  padding: number,
  end = false,
): Buffer {
  const body = Buffer.concat([Uint8Array.of(padding), payload, new Uint8Array(padding)]);
  return frame(FrameType.data, Flag.padded | (end ? Flag.endStream : 0), streamId, body);
}

export interface HeadersShape {
  readonly end?: boolean;
  readonly endHeaders?: boolean;
  /** Bytes of padding; absent means the frame has no pad length at all. */
  readonly padding?: number;
  readonly priority?: PriorityShape;
}

export interface PriorityShape {
  readonly dependsOn: number;
  readonly exclusive?: boolean;
  /** As on the wire: 0 means weight 1. */
  readonly weight?: number;
}

export function headersFrame(
  streamId: number,
  block: Uint8Array,
  shape: HeadersShape = {},
): Buffer {
  const parts: Uint8Array[] = [];
  let flags = 0;
  if (shape.end === true) flags |= Flag.endStream;
  if (shape.endHeaders !== false) flags |= Flag.endHeaders;
  if (shape.padding !== undefined) {
    flags |= Flag.padded;
    parts.push(Uint8Array.of(shape.padding));
  }
  if (shape.priority !== undefined) {
    flags |= Flag.priority;
    parts.push(priorityBytes(shape.priority));
  }
  parts.push(block);
  if (shape.padding !== undefined) parts.push(new Uint8Array(shape.padding));
  return frame(FrameType.headers, flags, streamId, Buffer.concat(parts));
}

export function continuationFrame(streamId: number, block: Uint8Array, end: boolean): Buffer {
  return frame(FrameType.continuation, end ? Flag.endHeaders : 0, streamId, block);
}

export function priorityFrame(streamId: number, priority: PriorityShape): Buffer {
  return frame(FrameType.priority, 0, streamId, priorityBytes(priority));
}

function priorityBytes(priority: PriorityShape): Buffer {
  const bytes = Buffer.alloc(5);
  const exclusive = priority.exclusive === true ? 0x80000000 : 0;
  bytes.writeUInt32BE((priority.dependsOn | exclusive) >>> 0, 0);
  bytes[4] = priority.weight ?? 255;
  return bytes;
}

export function rstStreamFrame(streamId: number, code: number): Buffer {
  return frame(FrameType.rstStream, 0, streamId, uint32(code));
}

export function settingsFrame(...settings: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(FrameType.settings, 0, 0, payload);
}

export const SETTINGS_ACK: Buffer = frame(FrameType.settings, Flag.ack, 0);

export function pingFrame(opaque: Uint8Array = new Uint8Array(8), ack = false): Buffer {
  return frame(FrameType.ping, ack ? Flag.ack : 0, 0, opaque);
}

export function goawayFrame(lastStreamId: number, code: number, debug = ""): Buffer {
  const body = Buffer.concat([uint32(lastStreamId), uint32(code), Buffer.from(debug)]);
  return frame(FrameType.goaway, 0, 0, body);
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  return frame(FrameType.windowUpdate, 0, streamId, uint32(increment));
}

export function pushPromiseFrame(streamId: number, promised: number, block: Uint8Array): Buffer {
  const body = Buffer.concat([uint32(promised), block]);
  return frame(FrameType.pushPromise, Flag.endHeaders, streamId, body);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0, 0);
  return bytes;
}
