/** A clock that the test moves. */
export class TestClock {
  nowMs = 1_000_000;

  monotonicMs(): number {
    return this.nowMs;
  }

  wallMs(): number {
    return this.nowMs;
  }
}
