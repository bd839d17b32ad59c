/**
 * The way out of one watch stream, implemented by the transport. Offering never waits and never
 * fails: a stream that cannot take more says no, and the watcher keeps a cursor instead of bytes.
 * Neither method calls back into the hub before it returns: the hub is in the middle of a loop over
 * watchers. What is taken is sent in the order in which it was taken, control messages included, so
 * that progress never overtakes events (W46).
 */
export interface EventSink {
  /**
   * Offers one gRPC message made of `head[0..headLength)` followed by `body`. True: taken whole;
   * the head has been copied, the body may be held by reference and is never changed again. False:
   * nothing was taken, and the stream's `drained` will be called once there is room.
   */
  offer(head: Uint8Array, headLength: number, body: Uint8Array): boolean;

  /**
   * Sends one control message (created, canceled, progress), copied at once. Always taken: the api
   * stops reading requests while the client does not read the answers, which bounds them.
   */
  control(message: Uint8Array): void;
}
