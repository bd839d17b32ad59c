import { constants, createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext, type SecureContextOptions, type SecureVersion } from "node:tls";
import { parseRevocationList } from "./revocation-list.ts";
import type { KeyPair } from "./self-signed.ts";

/** Where a server's certificate comes from. */
export type KeyPairSource =
  | { readonly kind: "files"; readonly certFile: string; readonly keyFile: string }
  /** Made by this process, for one that keeps nothing on disk. */
  | { readonly kind: "memory"; readonly pair: KeyPair };

export interface TlsFileOptions {
  readonly keyPair: KeyPairSource;
  /** PEM: who may have signed the certificates of clients; undefined = whom Node trusts. */
  readonly trustedCaFile: string | undefined;
  /** PEM or DER; undefined = nothing is revoked. */
  readonly crlFile: string | undefined;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** For OpenSSL: `cipherList`. */
  readonly ciphers: string;
}

/** What one handshake goes by. */
export interface TlsState {
  readonly context: SecureContextOptions;
  /** Serial numbers, in the form of `serialKey`. */
  readonly revoked: ReadonlySet<string>;
}

const NOTHING_REVOKED: ReadonlySet<string> = new Set();

/**
 * The files that handshakes go by, read again when one of them has changed (T6): etcd reads its
 * certificate at every handshake, which is dear; looking at the times of files is not.
 */
export class TlsFiles {
  readonly #options: TlsFileOptions;
  readonly #paths: readonly string[];
  #stamp: string;
  #state: TlsState;

  /** @throws Error that names the file, when one cannot be read or they do not fit together */
  constructor(options: TlsFileOptions) {
    this.#options = options;
    const { keyPair, trustedCaFile, crlFile } = options;
    const pairPaths = keyPair.kind === "files" ? [keyPair.certFile, keyPair.keyFile] : [];
    this.#paths = [...pairPaths, trustedCaFile, crlFile].filter((path) => path !== undefined);
    this.#stamp = this.#look();
    this.#state = read(options);
  }

  get state(): TlsState {
    return this.#state;
  }

  /**
   * Reads the files if they have changed; whether they had. With files that do not fit together,
   * which may be a change under way, all stays as it was until they change again.
   * @throws Error that names the file
   */
  refresh(): boolean {
    const stamp = this.#look();
    if (stamp === this.#stamp) return false;
    this.#stamp = stamp;
    this.#state = read(this.#options);
    return true;
  }

  /** Changes whenever a file does: one of the same length, in the same instant, is another file. */
  #look(): string {
    return this.#paths
      .map((path) => {
        const stat = statSync(path, { throwIfNoEntry: false });
        return stat === undefined ? "none" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
      })
      .join("\n");
  }
}

function read(options: TlsFileOptions): TlsState {
  const { keyPair, trustedCaFile, crlFile } = options;
  const { certificate, key } = keyPair.kind === "memory" ? keyPair.pair : readPair(keyPair);
  const context: SecureContextOptions = {
    cert: certificate,
    key,
    ca: trustedCaFile === undefined ? undefined : readAuthorities(trustedCaFile),
    minVersion: options.minVersion,
    maxVersion: options.maxVersion,
    ciphers: options.ciphers,
    honorCipherOrder: true,
    // Tickets would carry a client past changes of the files, and nobody may renegotiate.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
  // What else OpenSSL has against it is said here, and not at a handshake.
  createSecureContext(context);
  return { context, revoked: crlFile === undefined ? NOTHING_REVOKED : readRevoked(crlFile) };
}

function readPair(source: { readonly certFile: string; readonly keyFile: string }): KeyPair {
  const certificate = readFile(source.certFile);
  const key = readFile(source.keyFile);
  const parsed = parse(source.certFile, () => new X509Certificate(certificate));
  const parsedKey = parse(source.keyFile, () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(parsedKey)) {
    const files = `${source.keyFile}, ${source.certFile}`;
    throw new Error(`tls: private key does not match public key (${files})`);
  }
  return { certificate: certificate.toString("latin1"), key: key.toString("latin1") };
}

function readAuthorities(file: string): Buffer {
  const bytes = readFile(file);
  parse(file, () => new X509Certificate(bytes));
  return bytes;
}

function readRevoked(file: string): ReadonlySet<string> {
  const bytes = readFile(file);
  return parse(file, () => parseRevocationList(bytes));
}

function parse<Value>(file: string, run: () => Value): Value {
  try {
    return run();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new Error(`tls: ${file}: ${text}`, { cause: error });
  }
}

/** In the words of Go, which suites look for. */
function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    const text = READ_FAILURES.get(code) ?? code.toLowerCase();
    throw new Error(`open ${file}: ${text}`, { cause: error });
  }
}

const READ_FAILURES: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "no such file or directory"],
  ["EACCES", "permission denied"],
  ["EISDIR", "is a directory"],
]);
