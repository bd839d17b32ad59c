import { describe, expect, it } from "vitest";
import { FreshTrace } from "./fresh-trace.ts";
import type { Stream } from "./stream.ts";

/** Collects the times of what left, and says what is fresh. */
class Times {
  freshSinceMs = 0;
  readonly all: number[] = [];

  left(freshSinceMs: number): void {
    this.all.push(freshSinceMs);
  }
}

function stream(queuedBytes: number): Stream {
  return { queuedBytes } as Stream;
}

function write(trace: FreshTrace): void {
  trace.writing();
  trace.written();
}

describe("fresh trace", () => {
  it("tells of each write the oldest fresh events in it, and of others nothing", () => {
    const times = new Times();
    const trace = new FreshTrace(times);
    trace.collected();
    write(trace);
    times.freshSinceMs = 5;
    trace.collected();
    times.freshSinceMs = 6;
    trace.collected();
    times.freshSinceMs = 0;
    trace.collected();
    trace.writing();
    times.freshSinceMs = 9;
    trace.collected();
    expect(times.all).toEqual([]);
    trace.written();
    write(trace);
    write(trace);
    expect(times.all).toEqual([5, 9]);
  });

  it("follows one queued message through its stream's queue, and then the next", () => {
    const times = new Times();
    const trace = new FreshTrace(times);
    const slow = stream(100);
    const other = stream(50);
    times.freshSinceMs = 3;
    trace.queued(slow);
    times.freshSinceMs = 4;
    trace.queued(other);
    times.freshSinceMs = 0;
    trace.moved(other, 50);
    trace.moved(slow, 60);
    write(trace);
    expect(times.all).toEqual([]);
    times.freshSinceMs = 7;
    trace.collected();
    trace.moved(slow, 40);
    write(trace);
    trace.queued(other);
    times.freshSinceMs = 0;
    trace.moved(other, 50);
    write(trace);
    expect(times.all).toEqual([3, 7]);
  });

  it("forgets what was queued on a stream that closed, and follows another", () => {
    const times = new Times();
    const trace = new FreshTrace(times);
    const closed = stream(10);
    const open = stream(10);
    times.freshSinceMs = 3;
    trace.queued(closed);
    trace.dropped(open);
    trace.dropped(closed);
    times.freshSinceMs = 4;
    trace.queued(open);
    trace.moved(open, 10);
    write(trace);
    expect(times.all).toEqual([4]);
  });
});
