/**
 * What waits for the clients of all connections of a listener, in queues and at their sockets.
 * Each connection has bounds of its own; but a thousand clients that read nothing could take a
 * thousand times as much, so beyond `max` those who do not read get no more than a little each.
 */
export class WaitingBytes {
  readonly max: number;
  bytes = 0;

  constructor(max: number = Number.POSITIVE_INFINITY) {
    this.max = max;
  }

  get isTooMany(): boolean {
    return this.bytes > this.max;
  }
}
