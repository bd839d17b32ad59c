import type { X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import { createServer, type DetailedPeerCertificate, type Server, type TLSSocket } from "node:tls";
import { assert } from "../../base/assert.ts";
import { serialKey } from "./revocation-list.ts";
import type { TlsFiles } from "./tls-files.ts";

/** Whom a listener lets in by TLS, beside what its files say. */
export interface TlsPolicy {
  /** Clients must show a certificate that a trusted authority has signed. */
  readonly requireCertificate: boolean;
  /** The common name of that certificate is told to the api as the user (`peerCommonName`). */
  readonly commonNameIsUser: boolean;
  /** One of these common names is needed; empty = any. */
  readonly allowedCommonNames: readonly string[];
  /** One of these names or addresses is needed; empty = any. */
  readonly allowedHostnames: readonly string[];
}

/** A connection that was not let in, as the log tells of it. */
export interface Rejection {
  readonly remoteAddress: string;
  /** What the client thought to reach, when it said so. */
  readonly serverName: string;
  readonly reason: string;
}

export interface TlsAcceptorOptions {
  readonly files: TlsFiles;
  readonly policy: TlsPolicy;
  readonly rejected: (rejection: Rejection) => void;
  /** The files have changed, and cannot be used: what they said before holds on. */
  readonly filesFailed: (error: Error) => void;
}

/** A socket that speaks TLS now. */
export interface SecureSocket {
  readonly socket: TLSSocket;
  readonly peerCommonName: string | undefined;
}

/** What Go's server says where OpenSSL has a word of its own. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "tls: client didn't provide a certificate"],
  ["ERR_SSL_UNSUPPORTED_PROTOCOL", "tls: client offered only unsupported versions"],
  ["ERR_SSL_NO_SHARED_CIPHER", "tls: no cipher suite supported by both client and server"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "remote error: tls: unknown certificate authority"],
  ["ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE", "remote error: tls: bad certificate"],
  ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE", "remote error: tls: bad certificate"],
  ["ECONNRESET", "EOF"],
]);
const EXPIRED = "x509: certificate has expired or is not yet valid";
const UNKNOWN = "x509: certificate signed by unknown authority";
const VERIFY_REASONS: ReadonlyMap<string, string> = new Map([
  ["CERT_HAS_EXPIRED", EXPIRED],
  ["CERT_NOT_YET_VALID", EXPIRED],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", UNKNOWN],
  ["SELF_SIGNED_CERT_IN_CHAIN", UNKNOWN],
  ["UNABLE_TO_GET_ISSUER_CERT", UNKNOWN],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", UNKNOWN],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", UNKNOWN],
  ["INVALID_PURPOSE", "x509: certificate specifies an incompatible key usage"],
]);

/** The first byte of a TLS connection: a record of the handshake. */
export const TLS_FIRST_BYTE = 0x16;

/** Brings accepted sockets through the handshake, and judges the certificates of clients (T6). */
export class TlsAcceptor {
  readonly #options: TlsAcceptorOptions;
  readonly #server: Server;
  /** Whom to tell of sockets that are in the middle of a handshake. */
  readonly #waiting: WeakMap<Socket, (secure: SecureSocket) => void> = new WeakMap();

  constructor(options: TlsAcceptorOptions) {
    this.#options = options;
    const { files, policy } = options;
    this.#server = createServer({
      ...files.state.context,
      ALPNProtocols: ["h2", "http/1.1"],
      requestCert: policy.requireCertificate,
      rejectUnauthorized: policy.requireCertificate,
      // Whoever hands sockets over closes those that take too long.
      handshakeTimeout: 0,
    });
    this.#server.on("secureConnection", (socket) => this.#judge(socket));
    this.#server.on("tlsClientError", (error, socket) => {
      if (this.#waiting.delete(rawOf(socket))) this.#reject(socket, reasonOf(error, socket));
      socket.destroy();
    });
  }

  /**
   * Begins the handshake on a socket, which may have bytes to read already. Calls `secured` when it
   * is done and the client may come in; else the socket is closed and `rejected` is told.
   */
  accept(raw: Socket, secured: (secure: SecureSocket) => void): void {
    this.#refresh();
    this.#waiting.set(raw, secured);
    this.#server.emit("connection", raw);
  }

  /** Gives up a handshake that takes too long. */
  expire(raw: Socket): void {
    const remoteAddress = addressOf(raw);
    if (this.#waiting.delete(raw)) {
      this.#options.rejected({ remoteAddress, serverName: "", reason: "tls: handshake timeout" });
    }
    raw.destroy();
  }

  /** Tells of a client that does not speak TLS. */
  refusePlain(raw: Socket): void {
    const reason = "tls: first record does not look like a TLS handshake";
    this.#options.rejected({ remoteAddress: addressOf(raw), serverName: "", reason });
  }

  #refresh(): void {
    const { files, filesFailed } = this.#options;
    try {
      if (files.refresh()) this.#server.setSecureContext(files.state.context);
    } catch (error) {
      filesFailed(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #judge(socket: TLSSocket): void {
    const raw = rawOf(socket);
    const secured = this.#waiting.get(raw);
    this.#waiting.delete(raw);
    if (secured === undefined) {
      socket.destroy();
      return;
    }
    socket.on("error", () => {});
    const { policy, files } = this.#options;
    if (!policy.requireCertificate) {
      secured({ socket, peerCommonName: undefined });
      return;
    }
    const leaf = socket.getPeerCertificate(true);
    const commonName = commonNameOf(leaf);
    const reason =
      revocation(leaf, files.state.revoked) ??
      nameFault(policy, commonName, socket.getPeerX509Certificate());
    if (reason !== undefined) {
      this.#reject(socket, reason);
      socket.destroy();
      return;
    }
    secured({ socket, peerCommonName: policy.commonNameIsUser ? (commonName ?? "") : undefined });
  }

  #reject(socket: TLSSocket, reason: string): void {
    const serverName = socket.servername === false ? "" : (socket.servername ?? "");
    this.#options.rejected({ remoteAddress: addressOf(rawOf(socket)), serverName, reason });
  }
}

/** The socket below: Node's server tells of none, and has kept it here since there is TLS. */
function rawOf(socket: TLSSocket): Socket {
  const { _parent: raw } = socket as TLSSocket & { readonly _parent?: Socket };
  assert(raw !== undefined, "a TLS socket stands on another");
  return raw;
}

function addressOf(socket: Socket): string {
  return socket.remoteAddress === undefined
    ? "unix"
    : `${socket.remoteAddress}:${socket.remotePort}`;
}

function reasonOf(error: Error, socket: TLSSocket): string {
  // A code, whatever the types say.
  const verifyError: unknown = socket.authorizationError;
  if (typeof verifyError === "string") {
    return `tls: failed to verify certificate: ${VERIFY_REASONS.get(verifyError) ?? verifyError}`;
  }
  const code = "code" in error ? String(error.code) : "";
  return REASONS.get(code) ?? `tls: ${error.message.trim()}`;
}

/** The last common name counts, as in Go. */
function commonNameOf(certificate: DetailedPeerCertificate): string | undefined {
  // There may be none, or several, which the types do not know of.
  const names: unknown = certificate.subject?.CN;
  const name: unknown = Array.isArray(names) ? names.at(-1) : names;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** All that stand between the client and whom we trust are looked up. */
function revocation(
  leaf: DetailedPeerCertificate,
  revoked: ReadonlySet<string>,
): string | undefined {
  if (revoked.size === 0) return undefined;
  const seen = new Set<string>();
  let certificate: DetailedPeerCertificate | undefined = leaf;
  while (certificate !== undefined && !seen.has(certificate.fingerprint256)) {
    seen.add(certificate.fingerprint256);
    const serial = serialKey(certificate.serialNumber);
    if (revoked.has(serial)) return `transport: certificate serial ${serial} revoked`;
    certificate = certificate.issuerCertificate;
  }
  return undefined;
}

/** Names are those for which the certificate was made, not its common name (RFC 6125 §6.4.4). */
function nameFault(
  { allowedCommonNames, allowedHostnames }: TlsPolicy,
  commonName: string | undefined,
  certificate: X509Certificate | undefined,
): string | undefined {
  const isNamed =
    allowedCommonNames.length === 0 ||
    (commonName !== undefined && allowedCommonNames.includes(commonName));
  const isHosted =
    allowedHostnames.length === 0 ||
    allowedHostnames.some((host) =>
      isIP(host) === 0
        ? certificate?.checkHost(host, { subject: "never" }) !== undefined
        : certificate?.checkIP(host) !== undefined,
    );
  return isNamed && isHosted ? undefined : "client certificate authentication failed";
}
