/** Frames as a client writes them: what both clients of tests and benchmarks are made of. */

/** Flag and length in front of a gRPC message. */
export const PREFIX_BYTES = 5;
export const FRAME_HEAD_BYTES = 9;
/** What a server takes in one frame unless it says more (RFC 9113 §4.2). */
export const FRAME_BYTES_MAX = 16_384;
export const WINDOW_MAX: number = 2 ** 31 - 1;
/** Both windows before anything is said. */
export const WINDOW_FIRST = 65_535;
export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** Frame types (RFC 9113 §6). */
export const Frame: FrameTypes = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
};

interface FrameTypes {
  readonly data: 0;
  readonly headers: 1;
  readonly reset: 3;
  readonly settings: 4;
  readonly ping: 6;
  readonly goaway: 7;
  readonly windowUpdate: 8;
  readonly continuation: 9;
}

/** A frame whole: head and payload. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEAD_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEAD_BYTES);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A SETTINGS frame of pairs of identifier and value. */
export function settings(...pairs: readonly (readonly [number, number])[]): Buffer {
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, i * 6);
    payload.writeUInt32BE(value, i * 6 + 2);
  });
  return frame(Frame.settings, 0, 0, payload);
}

/** POST, http, the path and what gRPC wants, as literals that touch no table (RFC 7541 §6.2.2). */
export function requestBlock(path: string, authority: string, token?: string): Buffer {
  const fields = token === undefined ? [] : [headerName("token"), headerText(token)];
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    headerText(path),
    Buffer.from([0x01]),
    headerText(authority),
    Buffer.from([0x0f, 0x10]),
    headerText("application/grpc"),
    headerName("te"),
    headerText("trailers"),
    ...fields,
  ]);
}

function headerName(name: string): Buffer {
  return Buffer.concat([Buffer.from([0x00]), headerText(name)]);
}

function headerText(text: string): Buffer {
  if (text.length > 126) throw new Error("a header value is short here");
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")]);
}
