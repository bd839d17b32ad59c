import { ByteQueue } from "../byte-queue.ts";
import { CloseCode, CONTROL_BYTES_MAX, Opcode } from "./frames.ts";

/** What a client's frames bring. Bytes are borrowed until the call returns. */
export interface WebSocketSink {
  /** Asked before each frame: false stops the reading there. */
  mayGoOn(): boolean;
  /** One whole message of text, valid UTF-8, or of bytes. */
  message(bytes: Buffer): void;
  ping(payload: Buffer): void;
  /** The client wants no more; the last call. */
  closed(): void;
  /** The client broke a rule or a bound; the last call. */
  failed(code: CloseCode): void;
}

interface Head {
  readonly isFinal: boolean;
  readonly opcode: number;
  /** Bytes before the payload, the mask included. */
  readonly bytes: number;
  readonly length: number;
}

const MASK_BYTES = 4;
const UTF8: { decode(bytes: Uint8Array): string } = new TextDecoder("utf-8", { fatal: true });

/**
 * Cuts what a client sends into frames and joins those to messages (RFC 6455 §5). Client frames are
 * masked; nothing here has been negotiated, so no reserved bit may be set. A frame is judged by its
 * head, before its payload is kept.
 */
export class WebSocketReader {
  readonly #sink: WebSocketSink;
  readonly #messageBytesMax: number;
  readonly #input: ByteQueue = new ByteQueue();
  /** The parts of a message that is not whole. */
  #parts: ByteQueue = new ByteQueue();
  /** Opcode of the message that the parts belong to; 0 = none. */
  #partsOpcode: number = Opcode.continuation;
  #isOver = false;

  constructor(sink: WebSocketSink, messageBytesMax: number) {
    this.#sink = sink;
    this.#messageBytesMax = messageBytesMax;
  }

  push(bytes: Buffer): void {
    if (!this.#isOver) this.#input.push(bytes, 0, bytes.length);
  }

  /** Reads what has been pushed; false when the sink stopped it before the end. */
  read(): boolean {
    for (;;) {
      if (this.#isOver) return true;
      const input = this.#input.view();
      const head = this.#head(input);
      if (head === undefined || this.#isOver) return true;
      if (input.length < head.bytes + head.length) return true;
      if (!this.#sink.mayGoOn()) return false;
      const payload = input.subarray(head.bytes, head.bytes + head.length);
      unmask(payload, input.subarray(head.bytes - MASK_BYTES, head.bytes));
      this.#frame(head, payload);
      if (this.#isOver) return true;
      this.#input.drop(head.bytes + head.length);
    }
  }

  /** Undefined when it has not all come, or is refused. */
  #head(input: Buffer): Head | undefined {
    if (input.length < 2) return undefined;
    const [first = 0, second = 0] = input;
    const short = second & 0x7f;
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (input.length < 2 + lengthBytes) return undefined;
    const length =
      lengthBytes === 0
        ? short
        : lengthBytes === 2
          ? input.readUInt16BE(2)
          : input.readUInt32BE(2) * 2 ** 32 + input.readUInt32BE(6);
    const bytes = 2 + lengthBytes + MASK_BYTES;
    const head = { isFinal: (first & 0x80) !== 0, opcode: first & 0x0f, bytes, length };
    const fault = this.#faultOf(head, (first & 0x70) !== 0, (second & 0x80) !== 0);
    if (fault === undefined) return head;
    this.#fail(fault);
    return undefined;
  }

  #faultOf(head: Head, isReserved: boolean, isMasked: boolean): CloseCode | undefined {
    const { isFinal, opcode, length } = head;
    if (isReserved || !isMasked) return CloseCode.protocolError;
    switch (opcode) {
      case Opcode.close:
      case Opcode.ping:
      case Opcode.pong:
        return isFinal && length <= CONTROL_BYTES_MAX ? undefined : CloseCode.protocolError;
      case Opcode.text:
      case Opcode.binary:
        if (this.#partsOpcode !== Opcode.continuation) return CloseCode.protocolError;
        break;
      case Opcode.continuation:
        if (this.#partsOpcode === Opcode.continuation) return CloseCode.protocolError;
        break;
      default:
        return CloseCode.protocolError;
    }
    const isTooBig = this.#parts.length + length > this.#messageBytesMax;
    return isTooBig ? CloseCode.tooBig : undefined;
  }

  #frame({ isFinal, opcode }: Head, payload: Buffer): void {
    switch (opcode) {
      case Opcode.ping:
        this.#sink.ping(payload);
        return;
      case Opcode.pong:
        return;
      case Opcode.close:
        this.#close(payload);
        return;
      default:
    }
    const isWhole = isFinal && this.#partsOpcode === Opcode.continuation;
    if (isWhole) {
      this.#message(opcode, payload);
      return;
    }
    this.#parts.push(payload, 0, payload.length);
    if (opcode !== Opcode.continuation) this.#partsOpcode = opcode;
    if (!isFinal) return;
    const parts = this.#parts;
    const whole = this.#partsOpcode;
    this.#parts = new ByteQueue();
    this.#partsOpcode = Opcode.continuation;
    this.#message(whole, parts.view());
  }

  #message(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.text && !isText(payload)) this.#fail(CloseCode.invalidText);
    else this.#sink.message(payload);
  }

  /** A close frame is empty, or a code and a reason that is text (§5.5.1). */
  #close(payload: Buffer): void {
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : CloseCode.normal;
    if (payload.length === 1 || !isCloseCode(code)) this.#fail(CloseCode.protocolError);
    else if (!isText(payload.subarray(2))) this.#fail(CloseCode.invalidText);
    else {
      this.#isOver = true;
      this.#sink.closed();
    }
  }

  #fail(code: CloseCode): void {
    this.#isOver = true;
    this.#sink.failed(code);
  }
}

/** Codes that may stand in a frame (§7.4). */
function isCloseCode(code: number): boolean {
  if (code >= 3000 && code < 5000) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}

function isText(bytes: Uint8Array): boolean {
  try {
    UTF8.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function unmask(payload: Buffer, mask: Buffer): void {
  for (let i = 0; i < payload.length; i++) payload[i] = (payload[i] ?? 0) ^ (mask[i & 3] ?? 0);
}
