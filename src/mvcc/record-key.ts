const REVISION_BYTES = 17;
const UNDERSCORE = 0x5f;
const TOMBSTONE_MARK = 0x74;
/** A place in a revision fits the index. */
const SUB_LIMIT: number = 2 ** 31;

export interface RecordKey {
  readonly main: number;
  readonly sub: number;
  readonly isTombstone: boolean;
}

/** A revision as etcd stores it, which is the key of a put: main u64 BE, `_`, sub u64 BE (K70). */
export function revisionKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(REVISION_BYTES);
  fill(key, main, sub);
  return key;
}

/** The key of a tombstone: as that of a put, and `t` (K70). */
export function tombstoneKey(main: number, sub: number): Uint8Array {
  const key = new Uint8Array(REVISION_BYTES + 1);
  fill(key, main, sub);
  key[REVISION_BYTES] = TOMBSTONE_MARK;
  return key;
}

/** What a record key says, or undefined when it is none, or beyond what a store here can hold. */
export function parseRecordKey(key: Uint8Array): RecordKey | undefined {
  const { length } = key;
  const isTombstone = length === REVISION_BYTES + 1 && key[REVISION_BYTES] === TOMBSTONE_MARK;
  if ((length !== REVISION_BYTES && !isTombstone) || key[8] !== UNDERSCORE) return undefined;
  const view = new DataView(key.buffer, key.byteOffset, length);
  const main = view.getUint32(0) * 2 ** 32 + view.getUint32(4);
  const sub = view.getUint32(9) * 2 ** 32 + view.getUint32(13);
  if (!Number.isSafeInteger(main) || sub >= SUB_LIMIT) return undefined;
  return { main, sub, isTombstone };
}

function fill(key: Uint8Array, main: number, sub: number): void {
  const view = new DataView(key.buffer);
  view.setUint32(0, Math.floor(main / 2 ** 32));
  view.setUint32(4, main >>> 0);
  key[8] = UNDERSCORE;
  // The four bytes above it stay 0.
  view.setUint32(13, sub);
}
