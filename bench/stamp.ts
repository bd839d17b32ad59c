/** Milliseconds of the machine's monotonic clock: the same in all threads and processes. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** Writes the present time into the first eight bytes of a value. */
export function writeStamp(value: Buffer, at: number): number {
  const nowMs = monotonicMs();
  value.writeDoubleLE(nowMs, at);
  return nowMs;
}

/** The time that stands there, in milliseconds of the monotonic clock. */
export function readStamp(bytes: Buffer, at: number): number {
  return bytes.readDoubleLE(at);
}
