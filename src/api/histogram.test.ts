import { describe, expect, test } from "vitest";
import { Histogram, LATENCY_BUCKETS_SECONDS } from "./histogram.ts";

describe("Histogram", () => {
  test("counts a value in every bucket whose bound it does not pass", () => {
    const histogram = new Histogram([1, 2, 4]);
    for (const value of [0, 1, 1.5, 4, 9]) histogram.observe(value);
    expect(histogram.cumulative()).toEqual([2, 3, 4]);
    expect(histogram.count).toBe(5);
    expect(histogram.sum).toBe(15.5);
  });

  test("refuses bounds that do not ascend", () => {
    expect(() => new Histogram([1, 1])).toThrow("bounds of buckets ascend");
  });

  test("has etcd's fourteen bounds for times, from 1 ms to 8.192 s (G34)", () => {
    expect(LATENCY_BUCKETS_SECONDS).toHaveLength(14);
    expect(LATENCY_BUCKETS_SECONDS.at(0)).toBe(0.001);
    expect(LATENCY_BUCKETS_SECONDS.at(-1)).toBe(8.192);
  });
});
