/** Who a data folder belongs to: written when it is made, never changed. */
export interface StoreIdentity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly name: string;
  /**
   * 64 bits chosen by chance. They seed the checksums of the log's frames, so that nobody who
   * stores values can make bytes that look like a frame.
   */
  readonly secret: bigint;
}
