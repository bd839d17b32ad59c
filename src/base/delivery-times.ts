/**
 * Links the watch hub, which knows when events became durable, and the transport, which knows when
 * their bytes left: neither sees the other. Made by the wiring, one for all.
 */
export interface DeliveryTimes {
  /**
   * When the group became durable whose events are being offered to streams right now, in
   * milliseconds of the monotonic clock; 0 = what is offered is not fresh. Set by the hub.
   */
  freshSinceMs: number;

  /**
   * The kernel has taken bytes of events that became durable then. Called once a connection and
   * write, for the oldest such bytes in it.
   */
  left(freshSinceMs: number): void;
}
