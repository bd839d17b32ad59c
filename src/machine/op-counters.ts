/**
 * How often each kind of work was done since the start, the ops inside of txns included, for the
 * metrics (G31). Refused requests count where they came to be looked at.
 */
export interface OpCounters {
  puts: number;
  /** Of keys and values as they were sent. */
  putBytes: number;
  ranges: number;
  deletes: number;
  /** Txn requests; a nested txn is part of its outer one. */
  txns: number;
}
