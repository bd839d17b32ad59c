import { EtcdError } from "../base/errors.ts";
import type { Replica } from "../replica/replica.ts";
import type { UnaryCall } from "./call.ts";
import { failWith } from "./unary.ts";

export interface SpaceQuotaOptions {
  readonly replica: Replica;
  /** Whose alarm it is that this member raises. */
  readonly memberId: bigint;
  /** Bytes that the store may have; negative = any number (M20). */
  readonly quotaBytes: number;
}

/**
 * The quota of the store, asked before anything that makes it grow is proposed. What does not fit
 * is refused, and raises the NOSPACE alarm: from then on all such requests are refused, whether
 * they would fit or not, until somebody has made room and takes the alarm back (M20, M21).
 */
export class SpaceQuota {
  readonly #replica: Replica;
  readonly #memberId: bigint;
  readonly #quotaBytes: number;

  constructor(options: SpaceQuotaOptions) {
    this.#replica = options.replica;
    this.#memberId = options.memberId;
    this.#quotaBytes = options.quotaBytes;
  }

  /**
   * Whether a request of this cost may go on; 0 = it takes no room. Otherwise the call is failed,
   * once the alarm stands.
   */
  admits(cost: number, call: UnaryCall): boolean {
    if (cost === 0 || this.#quotaBytes < 0) return true;
    if (this.#replica.storedBytes + cost < this.#quotaBytes) return true;
    const alarm = {
      kind: "alarm",
      action: "activate",
      memberId: this.#memberId,
      alarm: "nospace",
    } as const;
    this.#replica.propose(alarm, () => failWith(call, new EtcdError("noSpace")));
    return false;
  }
}
