const PREFIX_BYTES = 5;

/** Cuts the bytes of one stream into gRPC messages, without copying those that lie in one piece. */
export class MessageSplitter {
  #rest: Buffer | undefined;
  #restLength = 0;

  /** Hands every message that is whole now to `sink`, as a view that is valid until it returns. */
  take(chunk: Buffer, sink: { message(bytes: Buffer): void }): void {
    let bytes = chunk;
    if (this.#rest !== undefined) {
      this.#append(chunk);
      const held = this.#rest.subarray(0, this.#restLength);
      if (held.length < PREFIX_BYTES) return;
      if (held.length < PREFIX_BYTES + held.readUInt32BE(1)) return;
      bytes = held;
      this.#rest = undefined;
    }
    let at = 0;
    while (at + PREFIX_BYTES <= bytes.length) {
      const end = at + PREFIX_BYTES + bytes.readUInt32BE(at + 1);
      if (end > bytes.length) break;
      sink.message(bytes.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    if (at < bytes.length) this.#hold(bytes.subarray(at));
  }

  #hold(bytes: Buffer): void {
    const whole = bytes.length >= PREFIX_BYTES ? PREFIX_BYTES + bytes.readUInt32BE(1) : 0;
    this.#rest = Buffer.allocUnsafeSlow(Math.max(whole, bytes.length, 64));
    this.#rest.set(bytes);
    this.#restLength = bytes.length;
  }

  #append(bytes: Buffer): void {
    const held = this.#rest ?? Buffer.alloc(0);
    const length = this.#restLength + bytes.length;
    if (length > held.length) {
      this.#rest = Buffer.allocUnsafeSlow(Math.max(held.length * 2, length));
      this.#rest.set(held.subarray(0, this.#restLength));
    }
    this.#rest?.set(bytes, this.#restLength);
    this.#restLength = length;
  }
}
