import { describe, expect, test } from "vitest";
import { Histogram } from "./histogram.ts";
import { MetricsText } from "./metrics-text.ts";

describe("MetricsText", () => {
  test("writes each kind of metric as Prometheus reads it", () => {
    const text = new MetricsText();
    text.counter("a_total", "Counted.", 3);
    text.gauge("b", "Measured.", -1.5);
    text.labelledGauge("c", "Said.", { version: "1" });
    text.counters("d_total", "By code.", [
      { labels: { code: "OK", method: "Put" }, value: 1 },
      { labels: { code: "Unknown", method: "Put" }, value: 2 },
    ]);
    const histogram = new Histogram([0.5, 1]);
    histogram.observe(0.75);
    text.histogram("e", "Spread.", histogram);
    expect(String(text)).toBe(
      [
        "# HELP a_total Counted.",
        "# TYPE a_total counter",
        "a_total 3",
        "# HELP b Measured.",
        "# TYPE b gauge",
        "b -1.5",
        "# HELP c Said.",
        "# TYPE c gauge",
        'c{version="1"} 1',
        "# HELP d_total By code.",
        "# TYPE d_total counter",
        'd_total{code="OK",method="Put"} 1',
        'd_total{code="Unknown",method="Put"} 2',
        "# HELP e Spread.",
        "# TYPE e histogram",
        'e_bucket{le="0.5"} 0',
        'e_bucket{le="1"} 1',
        'e_bucket{le="+Inf"} 1',
        "e_sum 0.75",
        "e_count 1",
        "",
      ].join("\n"),
    );
  });

  test("leaves out a family without samples", () => {
    const text = new MetricsText();
    text.counters("a_total", "Nothing.", []);
    text.gauge("b", "Something.", 1);
    expect(String(text)).not.toContain("a_total");
  });

  test("escapes what would break a label", () => {
    const text = new MetricsText();
    text.labelledGauge("a", "Odd.", { label: 'a"b\\c\nd' });
    expect(String(text)).toContain('a{label="a\\"b\\\\c\\nd"} 1');
  });
});
