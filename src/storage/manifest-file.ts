import type { DiskFile, Done } from "./disk.ts";
import { MANIFEST_SLOT_BYTES, type Manifest, encodeManifest } from "./manifest.ts";

/** Writes the manifest, one change at a time. */
export class ManifestFile {
  readonly #file: DiskFile;
  /** The state as it is when asked; only the sequence is not its business. */
  readonly #describe: (sequence: number) => Manifest;
  #sequence: number;
  #writing = false;
  #waiting: Done[] = [];

  constructor(file: DiskFile, sequence: number, describe: (sequence: number) => Manifest) {
    this.#file = file;
    this.#sequence = sequence;
    this.#describe = describe;
  }

  get isIdle(): boolean {
    return !this.#writing;
  }

  /** Makes the state durable as it is now, or later. An error is final for the store. */
  update(done: Done): void {
    this.#waiting.push(done);
    if (!this.#writing) this.#write();
  }

  close(): void {
    this.#file.close();
  }

  #write(): void {
    this.#writing = true;
    const told = this.#waiting;
    this.#waiting = [];
    this.#sequence++;
    const bytes = encodeManifest(this.#describe(this.#sequence));
    this.#file.write([bytes], 0, (error) => {
      if (error !== undefined) this.#written(told, error);
      else this.#file.write([bytes], MANIFEST_SLOT_BYTES, (second) => this.#written(told, second));
    });
  }

  #written(told: readonly Done[], error: Error | undefined): void {
    this.#writing = false;
    for (const done of told) done(error);
    if (!this.#writing && this.#waiting.length > 0) this.#write();
  }
}

/** Writes both slots at once, while opening. */
export function writeManifestNow(file: DiskFile, manifest: Manifest): void {
  const bytes = encodeManifest(manifest);
  file.writeNow(bytes, 0);
  file.writeNow(bytes, MANIFEST_SLOT_BYTES);
}
