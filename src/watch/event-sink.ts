/**
 * The way out of one watch stream, implemented by the transport. Offering never waits and never
 * fails: a stream that cannot take more says no, and the watcher keeps a cursor instead of bytes.
 */
export interface EventSink {
  /**
   * Offers one gRPC message made of `head[0..headLength)` followed by `body`. True: taken whole; the
   * head has been copied, the body may be held by reference and is never changed again. False:
   * nothing was taken, and the stream's `drained` will be called once there is room.
   */
  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean;

  /**
   * Sends one small control message (created, canceled, progress), copied at once. Always taken;
   * it does not wait behind events that were refused. `backlogged` tells when to stop reading
   * requests.
   */
  control(message: Uint8Array): void;

  /** True while control messages pile up because the client does not read (scenario 19). */
  readonly backlogged: boolean;
}
