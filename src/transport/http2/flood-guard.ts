import { ConnectionError, ErrorCode } from "./frames.ts";
import {
  CONTROL_FRAMES_BURST,
  CONTROL_FRAMES_EARNED_MAX,
  CONTROL_FRAMES_PER_SECOND,
  CONTROL_FRAMES_PER_USEFUL_FRAME,
  IDLE_PING_INTERVAL_MS,
  PINGS_FREE_MAX,
  PING_STRIKES_MAX,
  STREAM_RESETS_BURST,
  STREAM_RESETS_PER_SECOND,
  STREAM_SETTLED_MS,
} from "./limits.ts";

/** Tokens that time brings back up to a bound; taking one may find none left. */
class Bucket {
  readonly #burst: number;
  readonly #perMs: number;
  #tokens: number;
  #atMs: number;

  constructor(burst: number, perSecond: number, nowMs: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#tokens = burst;
    this.#atMs = nowMs;
  }

  take(nowMs: number): boolean {
    if (nowMs !== this.#atMs) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
      this.#atMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  giveBack(): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + 1);
  }
}

/**
 * Counts what costs a client little and us something, and closes the connection of one who does
 * nothing else. All methods throw ConnectionError ENHANCE_YOUR_CALM when that point is reached.
 */
export class FloodGuard {
  readonly #control: Bucket;
  readonly #resets: Bucket;
  /** Control frames that useful frames have paid for. */
  #earned = 0;
  /** The sender's count of useful frames when they were last counted as earned. */
  #sentCounted = 0;
  readonly #pingMinTimeMs: number;
  #pingStrikes = 0;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  /** The sender's count of useful frames at the last ping. */
  #sentAtPing = 0;
  /** Pings that what we sent has made free. */
  #pingsFree = 0;

  constructor(pingMinTimeMs: number, nowMs: number) {
    this.#control = new Bucket(CONTROL_FRAMES_BURST, CONTROL_FRAMES_PER_SECOND, nowMs);
    this.#resets = new Bucket(STREAM_RESETS_BURST, STREAM_RESETS_PER_SECOND, nowMs);
    this.#pingMinTimeMs = pingMinTimeMs;
  }

  /** A frame that brought a request or part of one. */
  usefulFrame(): void {
    this.#earn(1);
  }

  /** A frame that brought nothing to do; `sentFrames` counts the useful frames we sent so far. */
  controlFrame(nowMs: number, sentFrames: number): void {
    this.#earn(sentFrames - this.#sentCounted);
    this.#sentCounted = sentFrames;
    if (this.#earned > 0) this.#earned--;
    else if (!this.#control.take(nowMs)) throw calm("too many control frames");
  }

  /** The client reset a stream that had not ended. */
  clientReset(openedAtMs: number, nowMs: number): void {
    if (nowMs - openedAtMs >= STREAM_SETTLED_MS) return;
    if (!this.#resets.take(nowMs)) throw calm("too many streams reset");
  }

  /** The client made us reset or refuse a stream. */
  brokenStream(nowMs: number): void {
    if (!this.#resets.take(nowMs)) throw calm("too many streams in error");
  }

  /** A call ended as it should. */
  callEnded(): void {
    this.#resets.giveBack();
  }

  /**
   * A PING: keepalive as grpc-go's server enforces it (T3). Pings may be `pingMinTimeMs` apart
   * while streams are open, else two hours. What we send forgives earlier pings and makes as many
   * free as it was frames: a client that measures the path by pings sends one for some of what it
   * gets.
   */
  ping(nowMs: number, sentFrames: number, hasStreams: boolean): void {
    const lastMs = this.#lastPingMs;
    this.#lastPingMs = nowMs;
    const sent = sentFrames - this.#sentAtPing;
    this.#sentAtPing = sentFrames;
    this.#pingsFree = Math.min(PINGS_FREE_MAX, this.#pingsFree + sent);
    if (this.#pingsFree > 0) {
      this.#pingsFree--;
      this.#pingStrikes = 0;
      return;
    }
    const apartMs = hasStreams ? this.#pingMinTimeMs : IDLE_PING_INTERVAL_MS;
    if (nowMs - lastMs < apartMs) this.#pingStrikes++;
    if (this.#pingStrikes > PING_STRIKES_MAX) throw calm("too_many_pings");
  }

  #earn(usefulFrames: number): void {
    this.#earned = Math.min(
      CONTROL_FRAMES_EARNED_MAX,
      this.#earned + usefulFrames * CONTROL_FRAMES_PER_USEFUL_FRAME,
    );
  }
}

function calm(reason: string): ConnectionError {
  return new ConnectionError(ErrorCode.enhanceYourCalm, reason);
}
