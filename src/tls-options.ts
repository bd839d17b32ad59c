import type { SecureVersion } from "node:tls";
import { FlagError, parseBoolean } from "./flag-values.ts";
import { cipherList } from "./transport/tls/cipher-suites.ts";

/** What the flags of the client side of TLS say (T6), with etcd's names. */
export interface TlsFlags {
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly clientCertAuth: boolean;
  readonly trustedCaFile: string | undefined;
  readonly crlFile: string | undefined;
  readonly allowedHostnames: readonly string[];
  readonly allowedCommonNames: readonly string[];
  readonly autoTls: boolean;
  readonly selfSignedYears: number;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
  /** For OpenSSL. */
  readonly ciphers: string;
}

/**
 * Reads the flags of TLS; files are not looked at.
 * @throws FlagError with etcd's text
 */
export function parseTlsFlags(value: (name: string) => string): TlsFlags {
  const file = (name: string): string | undefined => value(name) || undefined;
  const list = (name: string): string[] => (value(name) === "" ? [] : value(name).split(","));
  const allowedHostnames = list("client-cert-allowed-hostname");
  const allowedCommonNames = list("client-cert-allowed-cn");
  if (allowedHostnames.length > 0 && allowedCommonNames.length > 0) {
    throw new FlagError("AllowedCNs and AllowedHostnames are mutually exclusive");
  }
  const minVersion = parseVersion(value("tls-min-version")) ?? "TLSv1.2";
  const maxVersion = parseVersion(value("tls-max-version")) ?? "TLSv1.3";
  if (minVersion > maxVersion) {
    const [min, max] = [value("tls-min-version"), value("tls-max-version")];
    throw new FlagError(`min version (${min}) is greater than max version (${max})`);
  }
  const suites = list("cipher-suites");
  if (minVersion === "TLSv1.3" && suites.length > 0) {
    throw new FlagError("cipher suites cannot be configured when only TLS1.3 is enabled");
  }
  return {
    certFile: file("cert-file"),
    keyFile: file("key-file"),
    clientCertAuth: parseBoolean(value("client-cert-auth")) === true,
    trustedCaFile: file("trusted-ca-file"),
    crlFile: file("client-crl-file"),
    allowedHostnames,
    allowedCommonNames,
    autoTls: parseBoolean(value("auto-tls")) === true,
    selfSignedYears: Number(value("self-signed-cert-validity")),
    minVersion,
    maxVersion,
    ciphers: parseSuites(suites),
  };
}

/** Undefined = whatever there is. */
function parseVersion(text: string): SecureVersion | undefined {
  switch (text) {
    case "":
      return undefined;
    case "TLS1.2":
      return "TLSv1.2";
    case "TLS1.3":
      return "TLSv1.3";
    default:
      throw new FlagError(`unexpected TLS version "${text}" (must be one of: TLS1.2, TLS1.3)`);
  }
}

function parseSuites(names: readonly string[]): string {
  try {
    return cipherList(names);
  } catch (error) {
    throw new FlagError(error instanceof Error ? error.message : String(error));
  }
}
