import { type Disk, type DiskFile } from "./disk.ts";
import {
  MANIFEST_PATH,
  MANIFEST_SLOT_BYTES,
  type Manifest,
  type Slot,
  decodeManifest,
} from "./manifest.ts";
import { writeManifestNow } from "./manifest-file.ts";
import { hasFrames } from "./recovery.ts";
import { Segment } from "./segment.ts";
import { FORMAT_VERSION, parseSegmentName, segmentPath } from "./segment-header.ts";
import { RESTORE_ADVICE, StorageError } from "./storage-error.ts";
import type { StoreIdentity } from "./store-identity.ts";

/** A data folder's manifest, and the file it stands in. */
export interface FolderState {
  readonly manifest: Manifest;
  readonly file: DiskFile;
}

/**
 * A name in the folder that is not ours and says that the folder belongs to something else.
 * `lost+found` stands in the root of a file system of its own.
 */
export function foreignName(names: readonly string[]): string | undefined {
  if (names.includes(MANIFEST_PATH)) return undefined;
  return names.find((name) => {
    const isOurs = name === "log" || name === "ckpt" || name.startsWith("LOCK");
    return !isOurs && name !== "lost+found";
  });
}

/** @throws StorageError when the folder belongs to something else; it has not been touched. */
export function refuseForeignFolder(place: string, names: readonly string[]): void {
  const foreign = foreignName(names);
  if (foreign === undefined) return;
  const isEtcd = foreign === "member";
  const problem = isEtcd
    ? "the folder holds the data of an etcd server, in another format"
    : `the folder holds other files (${foreign})`;
  throw new StorageError(problem, { file: place, advice: "choose another data folder" });
}

/**
 * Reads the folder's manifest; undefined when there is no store yet, or one whose making was never
 * finished.
 */
export function readFolder(disk: Disk): FolderState | undefined {
  const names = disk.list("");
  refuseForeignFolder(disk.place, names);
  if (!names.includes(MANIFEST_PATH)) {
    refuseFrames(disk, "the MANIFEST is missing");
    return undefined;
  }
  const file = disk.openNow(MANIFEST_PATH);
  const slots = [readSlot(file, 0), readSlot(file, MANIFEST_SLOT_BYTES)];
  const manifest = newest(slots);
  if (manifest !== undefined) return { manifest, file };
  file.close();
  for (const slot of slots) {
    if (typeof slot === "object" && "version" in slot) {
      const problem = `format ${slot.version} was made by a newer release; this one reads format`;
      throw new StorageError(`${problem} ${FORMAT_VERSION}`, { file: MANIFEST_PATH });
    }
  }
  if (slots.includes("foreign")) {
    const advice = "choose another data folder, or restore from a snapshot";
    throw new StorageError("it is not a manifest of this format", { file: MANIFEST_PATH, advice });
  }
  refuseFrames(disk, "both copies of the MANIFEST are damaged");
  return undefined;
}

/** Makes a store: segment first, then the manifest that names it. */
export function createFolder(disk: Disk, identity: StoreIdentity): FolderState {
  disk.makeFolder("log");
  const segment = new Segment(identity, 1, "log");
  const log = disk.createNow(segment.path);
  log.writeNow(segment.header, 0);
  log.close();
  disk.syncFolderNow("log");
  const manifest: Manifest = {
    sequence: 1,
    identity,
    nextNumber: 2,
    clean: false,
    end: { segment: 1, offset: segment.end, chain: segment.chain, lastFrame: 0 },
    sealedThrough: 0,
    segments: [
      {
        number: 1,
        kind: "log",
        sealed: false,
        end: segment.end,
        chain: segment.chain,
        firstFrame: 1,
      },
    ],
  };
  const file = disk.createNow(MANIFEST_PATH);
  file.writeNow(new Uint8Array(2 * MANIFEST_SLOT_BYTES), 0);
  writeManifestNow(file, manifest);
  disk.syncFolderNow("");
  return { manifest, file };
}

function readSlot(file: DiskFile, position: number): Slot {
  const bytes = new Uint8Array(MANIFEST_SLOT_BYTES);
  return decodeManifest(bytes.subarray(0, file.read(position, bytes)));
}

function newest(slots: readonly Slot[]): Manifest | undefined {
  let found: Manifest | undefined;
  for (const slot of slots) {
    if (typeof slot !== "object" || "version" in slot) continue;
    if (found === undefined || slot.sequence > found.sequence) found = slot;
  }
  return found;
}

/** Frames are only written once a manifest is durable, so without one there must be none. */
function refuseFrames(disk: Disk, problem: string): void {
  for (const name of disk.list("log")) {
    const parsed = parseSegmentName(name);
    if (parsed === undefined || !hasFrames(disk, segmentPath(parsed.number, parsed.kind))) continue;
    const place = { file: disk.place, advice: RESTORE_ADVICE };
    throw new StorageError(`${problem}, but log/${name} holds frames`, place);
  }
}
