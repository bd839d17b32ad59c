import { describe, expect, it } from "vitest";
import { parseStatusArguments, statusText } from "./snapshot-status.ts";

const STATUS = { hash: 0x0b50_95ab, revision: 12, totalKey: 16, totalSize: 16_384 };

describe("snapshot status", () => {
  it("takes one file and a format", () => {
    expect(parseStatusArguments(["a.db"])).toEqual({ file: "a.db", format: "simple" });
    expect(parseStatusArguments(["-w", "json", "a.db"])?.format).toBe("json");
    expect(parseStatusArguments(["a.db", "--write-out=table"])?.format).toBe("table");
    expect(parseStatusArguments(["--help"])).toBeUndefined();
    for (const args of [[], ["a", "b"], ["a", "-w", "xml"], ["a", "-w"], ["a", "--rev=1"]]) {
      expect(() => parseStatusArguments(args)).toThrow("vedette snapshot status: ");
    }
  });

  it("is told as etcd's tools tell it", () => {
    const file = "a.db";
    expect(statusText({ file, format: "simple" }, STATUS)).toBe("b5095ab, 12, 16, 16 kB\n");
    expect(statusText({ file, format: "json" }, STATUS)).toBe(
      '{"hash":189830571,"revision":12,"totalKey":16,"totalSize":16384}\n',
    );
    expect(statusText({ file, format: "table" }, { ...STATUS, totalSize: 5_468_160 })).toBe(
      [
        "+---------+----------+------------+------------+",
        "|  HASH   | REVISION | TOTAL KEYS | TOTAL SIZE |",
        "+---------+----------+------------+------------+",
        "| b5095ab |       12 |         16 |     5.5 MB |",
        "+---------+----------+------------+------------+",
        "",
      ].join("\n"),
    );
  });
});
