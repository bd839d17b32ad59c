import { expect, test, vi } from "vitest";
import { StorageError } from "../../src/storage/storage-error.ts";
import { Violation } from "./log-contents.ts";
import { LogModel } from "./log-model.ts";

// A planted fault: checksums that are always right. The model has to notice what gets through.
vi.mock("../../src/base/crc32c.ts", () => ({ crc32c: () => 0, crc32cWord: () => 0 }));

test("a log without checksums is caught by the crash model", () => {
  const caught = [];
  for (let seed = 1; seed <= 300 && caught.length === 0; seed++) {
    try {
      new LogModel(seed).run(200);
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof Violation)) throw error;
      if (error instanceof Violation) caught.push(seed);
    }
  }
  expect(caught).not.toEqual([]);
});
