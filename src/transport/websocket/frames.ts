/** Opcodes and close codes of RFC 6455 (§5.2, §7.4.1), as far as a server of text needs them. */
export const Opcode = {
  continuation: 0,
  text: 1,
  binary: 2,
  close: 8,
  ping: 9,
  pong: 10,
} as const;

export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  invalidText: 1007,
  tooBig: 1009,
} as const;
export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** A control frame's payload has at most this many bytes (§5.5). */
export const CONTROL_BYTES_MAX = 125;
/** Lengths from here on have two bytes of their own, beyond 65535 eight. */
const SHORT_LENGTH_END = 126;
const FINAL = 0x80;

/** One whole unmasked frame, as a server sends them (§5.1). */
export function encodeFrame(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < SHORT_LENGTH_END ? 2 : length < 0x10000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = FINAL | opcode;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = SHORT_LENGTH_END;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = SHORT_LENGTH_END + 1;
    frame.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    frame.writeUInt32BE(length % 2 ** 32, 6);
  }
  frame.set(payload, head);
  return frame;
}

export function encodeClose(code: CloseCode): Buffer {
  const payload = Buffer.allocUnsafe(2);
  payload.writeUInt16BE(code);
  return encodeFrame(Opcode.close, payload);
}
