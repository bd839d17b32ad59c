import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  contextTag,
  encodeDer,
  encodeObjectId,
  encodeTime,
  encodeUnsigned,
  Tag,
} from "../../src/transport/tls/der.ts";

const ALGORITHM = encodeDer(Tag.sequence, encodeObjectId("1.2.840.10045.4.3.2"));
const DAY_MS = 24 * 60 * 60 * 1000;

export interface CertificateOptions {
  readonly commonName?: string;
  readonly dnsNames?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly serial?: Uint8Array;
  /** What it may be used for, as an object identifier; absent = anything. */
  readonly usage?: string;
}

/** A certificate and its key in files, as a flag names them. */
export interface CertificateFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly serial: Uint8Array;
}

/** An authority of a test: what it signs stands in a folder of its own. */
export class TestAuthority {
  readonly folder: string = mkdtempSync(path.join(tmpdir(), "vedette-tls-"));
  readonly caFile: string;
  readonly #key: KeyObject;
  readonly #name: Buffer;
  #made = 0;

  constructor(name = "authority") {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    this.#key = privateKey;
    this.#name = encodeName(name);
    this.caFile = path.join(this.folder, "ca.pem");
    const isAuthority = encodeDer(Tag.sequence, encodeDer(Tag.boolean, Buffer.of(0xff)));
    const extensions = [encodeExtension("2.5.29.19", isAuthority)];
    writeFileSync(this.caFile, this.#certify(this.#name, publicKey, extensions, {}));
  }

  /** A certificate for a server on this machine and for a client, in new files. */
  issue(options: CertificateOptions = {}): CertificateFiles {
    const place = path.join(this.folder, String(++this.#made));
    return this.issueInto(`${place}.pem`, `${place}.key`, options);
  }

  issueInto(certFile: string, keyFile: string, options: CertificateOptions): CertificateFiles {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const serial = options.serial ?? randomBytes(16);
    const names = [
      encodeDer(contextTag(7, false), Buffer.of(127, 0, 0, 1)),
      ...(options.dnsNames ?? ["localhost"]).map((name) =>
        encodeDer(contextTag(2, false), Buffer.from(name)),
      ),
    ];
    const { usage } = options;
    const extensions = [
      encodeExtension("2.5.29.17", encodeDer(Tag.sequence, ...names)),
      ...(usage === undefined
        ? []
        : [encodeExtension("2.5.29.37", encodeDer(Tag.sequence, encodeObjectId(usage)))]),
    ];
    const name = encodeName(options.commonName);
    const pem = this.#certify(name, publicKey, extensions, { ...options, serial });
    writeFileSync(certFile, pem);
    writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    return { certFile, keyFile, serial };
  }

  /** A list of what is revoked, as PEM or DER. */
  revoke(serials: readonly Uint8Array[], form: "pem" | "der", file: string): string {
    const now = encodeTime(Date.now());
    const entries = serials.map((serial) => encodeDer(Tag.sequence, encodeUnsigned(serial), now));
    const body = encodeDer(
      Tag.sequence,
      encodeUnsigned(Buffer.of(1)),
      ALGORITHM,
      this.#name,
      now,
      encodeTime(Date.now() + DAY_MS),
      ...(entries.length === 0 ? [] : [encodeDer(Tag.sequence, ...entries)]),
    );
    const bytes = this.#sign(body);
    writeFileSync(file, form === "der" ? bytes : toPem("X509 CRL", bytes));
    return file;
  }

  dispose(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #certify(
    subject: Buffer,
    publicKey: KeyObject,
    extensions: readonly Buffer[],
    options: CertificateOptions,
  ): string {
    const body = encodeDer(
      Tag.sequence,
      encodeDer(contextTag(0, true), encodeUnsigned(Buffer.of(2))),
      encodeUnsigned(options.serial ?? randomBytes(16)),
      ALGORITHM,
      this.#name,
      encodeDer(
        Tag.sequence,
        encodeTime(options.notBeforeMs ?? Date.now() - DAY_MS),
        encodeTime(options.notAfterMs ?? Date.now() + DAY_MS),
      ),
      subject,
      publicKey.export({ type: "spki", format: "der" }),
      encodeDer(contextTag(3, true), encodeDer(Tag.sequence, ...extensions)),
    );
    return toPem("CERTIFICATE", this.#sign(body));
  }

  #sign(body: Buffer): Buffer {
    const signature = sign("sha256", body, this.#key);
    const bits = encodeDer(Tag.bitString, Buffer.of(0), signature);
    return encodeDer(Tag.sequence, body, ALGORITHM, bits);
  }
}

function encodeName(commonName: string | undefined): Buffer {
  if (commonName === undefined) return encodeDer(Tag.sequence);
  const value = encodeDer(Tag.utf8String, Buffer.from(commonName));
  const attribute = encodeDer(Tag.sequence, encodeObjectId("2.5.4.3"), value);
  return encodeDer(Tag.sequence, encodeDer(Tag.set, attribute));
}

function encodeExtension(id: string, value: Buffer): Buffer {
  return encodeDer(Tag.sequence, encodeObjectId(id), encodeDer(Tag.octetString, value));
}

function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
