import { MemoryDisk } from "../../src/storage/memory-disk.ts";

/** Another disk with the same files, as a backup of a folder would have them. */
export function copyDisk(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  copyFolder(disk, copy, "");
  return copy;
}

function copyFolder(disk: MemoryDisk, copy: MemoryDisk, folder: string): void {
  copy.makeFolder(folder);
  const prefix = folder === "" ? "" : `${folder}/`;
  const names = disk.list(folder);
  for (const name of names) {
    const path = prefix + name;
    if (disk.list(path).length > 0) {
      copyFolder(disk, copy, path);
      continue;
    }
    const file = disk.openNow(path);
    const bytes = new Uint8Array(file.size());
    file.read(0, bytes);
    copy.createNow(path).writeNow(bytes, 0);
  }
}
