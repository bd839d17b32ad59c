import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import path from "node:path";
import { singleMemberIds } from "./api/member-ids.ts";
import { SEGMENT_BYTES_DEFAULT } from "./base/limits.ts";
import { WireError } from "./base/wire.ts";
import { AlarmTable } from "./machine/alarm-table.ts";
import { AuthState } from "./machine/auth-state.ts";
import { MvccStore } from "./mvcc/store.ts";
import { random64, realRandom } from "./outside.ts";
import { EtcdImport } from "./replica/etcd-import.ts";
import { OpeningLog } from "./replica/opening-log.ts";
import type { Restored, RestoreOptions } from "./restore-arguments.ts";
import { openSnapshot, RestoreError } from "./snapshot-file.ts";
import { BoltReader, type ByteSource } from "./storage/bolt/reader.ts";
import { LogStore } from "./storage/log-store.ts";
import { NodeDisk } from "./storage/node-disk.ts";
import type { StoreIdentity } from "./storage/store-identity.ts";

/**
 * So much is appended between two commits. One commit is one frame, and whoever reads old history
 * in slices starts each at the beginning of a frame.
 */
const COMMIT_BYTES: number = 512 * 1024;
/** Nothing is read back before the folder is opened again. */
const RESIDENT_BYTES: number = 8 * 1024 * 1024;

/**
 * Makes a data folder from a snapshot. It is built beside its place, read back as a server would,
 * and then renamed, so there is never half of one.
 * @throws RestoreError, BoltError, ImportError or StorageError in words
 */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const place = path.resolve(options.dataDir);
  refuseUsed(place);
  const parent = path.dirname(place);
  const descriptor = openSync(options.file, "r");
  try {
    const source = sourceOf(descriptor, options);
    mkdirSync(parent, { recursive: true });
    const building = mkdtempSync(`${place}.restoring-`);
    try {
      await build(building, source, identityOf(options));
      const restored = await readBack(building);
      renameSync(building, place);
      syncFolder(parent);
      return restored;
    } catch (error) {
      rmSync(building, { recursive: true, force: true });
      throw error;
    }
  } finally {
    closeSync(descriptor);
  }
}

/** An empty folder is as good as none, as for etcdutl. */
function refuseUsed(place: string): void {
  if (!existsSync(place)) return;
  let isEmpty: boolean;
  try {
    isEmpty = readdirSync(place).length === 0;
  } catch (error) {
    throw new RestoreError(`data-dir "${place}" could not be read`, { cause: error });
  }
  if (!isEmpty) throw new RestoreError(`data-dir "${place}" is not empty`);
}

/** The database in the file, whose hash is right if it has to be. */
function sourceOf(descriptor: number, { file, skipHashCheck }: RestoreOptions): ByteSource {
  const { source, hasHash, checkHash } = openSnapshot(descriptor, file);
  if (skipHashCheck) return source;
  if (!hasHash) {
    throw new RestoreError(
      `${file} does not end with its hash; --skip-hash-check takes it as it is`,
    );
  }
  checkHash();
  return source;
}

function identityOf({ peerUrls, clusterToken, name }: RestoreOptions): StoreIdentity {
  return { ...singleMemberIds({ peerUrls, clusterToken }), name, secret: random64(realRandom) };
}

async function build(folder: string, source: ByteSource, identity: StoreIdentity): Promise<void> {
  const reader = new BoltReader(source);
  const disk = await NodeDisk.open(folder);
  const limits = { segmentBytes: SEGMENT_BYTES_DEFAULT, residentBytes: RESIDENT_BYTES };
  const log = LogStore.open(disk, { ...limits, identity }, () => undefined);
  try {
    const store = new MvccStore(log, { hashSeed: realRandom.u32() });
    const work = new EtcdImport(reader, { log, store });
    let progress: "more" | "done" = "more";
    while (progress === "more") {
      progress = work.step(COMMIT_BYTES);
      await callback((done) => log.commit(done));
    }
  } catch (error) {
    // What was appended and not committed goes with the folder.
    if (log.hasUncommitted) await callback((done) => log.commit(done));
    await callback((done) => log.close(done));
    throw error;
  }
  await callback((done) => log.close(done));
}

/** Opens the folder as a server does, and says what is in it. */
async function readBack(folder: string): Promise<Restored> {
  const disk = await NodeDisk.open(folder);
  const opening = new OpeningLog();
  const store = new MvccStore(opening, { hashSeed: realRandom.u32() });
  const limits = { segmentBytes: SEGMENT_BYTES_DEFAULT, residentBytes: RESIDENT_BYTES };
  const log = LogStore.open(disk, limits, (record) => store.replay(record));
  opening.attach(log);
  try {
    store.replayed();
    const tables = { user: store.state("user"), role: store.state("role") };
    const auth = new AuthState({ auth: store.state("auth"), ...tables });
    const { alarms } = new AlarmTable(store.state("alarm"));
    return {
      memberId: log.identity.memberId,
      clusterId: log.identity.clusterId,
      revision: store.head,
      compacted: store.compacted,
      keys: store.keyCount,
      versions: store.usage.versions,
      leases: store.state("lease").size,
      alarms: alarms.length,
      hasAuth: auth.enabled,
    };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new RestoreError("its users, roles or alarms are damaged", { cause: error });
  } finally {
    await callback((done) => log.close(done));
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function callback(run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run((error) => (error === undefined ? resolve() : reject(error)));
  });
}
