/** What the machine has to know of leases to apply a put: which ones there are. */
export interface LeaseTable {
  /** True for a granted lease that has not been revoked, expired or not (K21). */
  exists(id: bigint): boolean;
}
