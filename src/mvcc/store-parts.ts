import type { RecordLog } from "../storage/record.ts";
import type { KeyIndex } from "./key-index.ts";
import type { VersionChains } from "./version-chains.ts";

/** What the parts of the store share: where records lie, and the index over them. */
export interface StoreParts {
  readonly log: RecordLog;
  readonly keys: KeyIndex;
  readonly versions: VersionChains;
}
