import { describe, expect, test } from "vitest";
import { FloodGuard } from "./flood-guard.ts";
import {
  CONTROL_FRAMES_BURST,
  CONTROL_FRAMES_PER_SECOND,
  CONTROL_FRAMES_PER_USEFUL_FRAME,
  STREAM_RESETS_BURST,
  STREAM_SETTLED_MS,
} from "./limits.ts";

const MIN_TIME_MS = 5000;

function times(count: number, run: (i: number) => void): void {
  for (let i = 0; i < count; i++) run(i);
}

describe("control frames", () => {
  test("a burst passes, and one more does not", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(CONTROL_FRAMES_BURST, () => guard.controlFrame(0, 0));
    expect(() => guard.controlFrame(0, 0)).toThrow("too many control frames");
  });

  test("time brings them back, up to the burst", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(CONTROL_FRAMES_BURST, () => guard.controlFrame(0, 0));
    times(CONTROL_FRAMES_PER_SECOND, () => guard.controlFrame(1000, 0));
    expect(() => guard.controlFrame(1000, 0)).toThrow("too many control frames");
    times(CONTROL_FRAMES_BURST, () => guard.controlFrame(1_000_000, 0));
    expect(() => guard.controlFrame(1_000_000, 0)).toThrow("too many control frames");
  });

  test("each useful frame, received or sent, pays for some", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(100, () => guard.usefulFrame());
    times(CONTROL_FRAMES_BURST + 200 * CONTROL_FRAMES_PER_USEFUL_FRAME, () =>
      guard.controlFrame(0, 100),
    );
    expect(() => guard.controlFrame(0, 100)).toThrow("too many control frames");
  });

  test("a client that answers every sent frame for ever is never cut", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(100_000, (i) =>
      times(CONTROL_FRAMES_PER_USEFUL_FRAME, () => guard.controlFrame(0, i + 1)),
    );
  });
});

describe("resets", () => {
  test("streams reset as soon as they open are counted", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(STREAM_RESETS_BURST, () => guard.clientReset(0, 0));
    expect(() => guard.clientReset(0, 0)).toThrow("too many streams reset");
  });

  test("streams that have stood a while are not", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(STREAM_RESETS_BURST * 3, () => guard.clientReset(0, STREAM_SETTLED_MS));
  });

  test("streams in error are counted at any age; calls that end well give places back", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(STREAM_RESETS_BURST, () => guard.brokenStream(0));
    guard.callEnded();
    guard.brokenStream(0);
    expect(() => guard.brokenStream(0)).toThrow("too many streams in error");
  });
});

describe("T3: pings", () => {
  test("the fourth of a quick row is one too many", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(3, (i) => guard.ping(i * 300, 0, true));
    expect(() => guard.ping(900, 0, true)).toThrow("too_many_pings");
  });

  test("pings at the minimum time are fine while streams are open, not without", () => {
    const busy = new FloodGuard(MIN_TIME_MS, 0);
    times(100, (i) => busy.ping(i * MIN_TIME_MS, 0, true));
    const idle = new FloodGuard(MIN_TIME_MS, 0);
    times(3, (i) => idle.ping(i * MIN_TIME_MS, 0, false));
    expect(() => idle.ping(3 * MIN_TIME_MS, 0, false)).toThrow("too_many_pings");
  });

  test("what the server sends forgives them", () => {
    const guard = new FloodGuard(MIN_TIME_MS, 0);
    times(1000, (i) => guard.ping(0, i, true));
  });
});
