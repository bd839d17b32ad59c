import {
  constants,
  createHmac,
  type KeyObject,
  sign,
  type SigningOptions,
  timingSafeEqual,
  verify,
} from "node:crypto";

/** A way of signing tokens, by its name in RFC 7518 and RFC 8037. */
export interface JwtAlgorithm {
  readonly name: string;
  readonly family: "hmac" | "rsa" | "rsa-pss" | "ecdsa" | "eddsa";
  /** As node:crypto calls it; null where the scheme has one of its own. */
  readonly digest: string | null;
  readonly keyTypes: readonly string[];
}

export type JwtKeys =
  | { readonly kind: "secret"; readonly secret: Buffer }
  /** Without a signing key, tokens can only be verified. */
  | {
      readonly kind: "pair";
      readonly signing: KeyObject | undefined;
      readonly verifying: KeyObject;
    };

const FAMILIES: Readonly<Record<string, Omit<JwtAlgorithm, "name" | "digest">>> = {
  HS: { family: "hmac", keyTypes: [] },
  RS: { family: "rsa", keyTypes: ["rsa"] },
  PS: { family: "rsa-pss", keyTypes: ["rsa", "rsa-pss"] },
  ES: { family: "ecdsa", keyTypes: ["ec"] },
};

/** The algorithm of this name: HS, RS, PS and ES with 256, 384 and 512, and EdDSA. */
export function jwtAlgorithm(name: string): JwtAlgorithm | undefined {
  if (name === "EdDSA") return { name, family: "eddsa", digest: null, keyTypes: ["ed25519"] };
  const match = /^(HS|RS|PS|ES)(256|384|512)$/.exec(name);
  const family = FAMILIES[match?.[1] ?? ""];
  return family === undefined ? undefined : { name, digest: `sha${match?.[2]}`, ...family };
}

/** A signed token of these claims, or undefined when there is no key to sign with (RFC 7519). */
export function signJwt(
  claims: Readonly<Record<string, string | number>>,
  algorithm: JwtAlgorithm,
  keys: JwtKeys,
): string | undefined {
  const header = encodePart({ alg: algorithm.name, typ: "JWT" });
  const text = `${header}.${encodePart(claims)}`;
  const signature = signatureOf(Buffer.from(text), algorithm, keys);
  return signature === undefined ? undefined : `${text}.${signature.toString("base64url")}`;
}

/**
 * The claims of a token that was signed by this algorithm and no other, with this key; undefined
 * for all else. What the claims say, the expiry included, is for the caller to look at.
 */
export function verifyJwt(
  token: string,
  algorithm: JwtAlgorithm,
  keys: JwtKeys,
): Readonly<Record<string, unknown>> | undefined {
  const [header = "", claims = "", signature = "", ...rest] = token.split(".");
  if (rest.length > 0 || !isBase64Url(signature)) return undefined;
  // The token may name what it likes: only the algorithm that this server was told of counts.
  if (decodePart(header)?.["alg"] !== algorithm.name) return undefined;
  const signed = Buffer.from(`${header}.${claims}`);
  const isOurs = isSignature(Buffer.from(signature, "base64url"), signed, algorithm, keys);
  return isOurs ? decodePart(claims) : undefined;
}

function signatureOf(text: Buffer, algorithm: JwtAlgorithm, keys: JwtKeys): Buffer | undefined {
  if (keys.kind === "secret") return hmac(text, algorithm, keys.secret);
  if (keys.signing === undefined) return undefined;
  const options = signingOptions(algorithm, constants.RSA_PSS_SALTLEN_DIGEST);
  return sign(algorithm.digest, text, { key: keys.signing, ...options });
}

function isSignature(
  signature: Buffer,
  text: Buffer,
  algorithm: JwtAlgorithm,
  keys: JwtKeys,
): boolean {
  if (keys.kind === "secret") {
    const expected = hmac(text, algorithm, keys.secret);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  }
  const options = signingOptions(algorithm, constants.RSA_PSS_SALTLEN_AUTO);
  return verify(algorithm.digest, text, { key: keys.verifying, ...options }, signature);
}

function hmac(text: Buffer, { digest }: JwtAlgorithm, secret: Buffer): Buffer {
  return createHmac(digest ?? "sha256", secret)
    .update(text)
    .digest();
}

function signingOptions({ family }: JwtAlgorithm, saltLength: number): SigningOptions {
  switch (family) {
    case "rsa-pss":
      return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    case "ecdsa":
      return { dsaEncoding: "ieee-p1363" };
    default:
      return {};
  }
}

function encodePart(part: Readonly<Record<string, string | number>>): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}

function decodePart(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!isBase64Url(text)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Node would pass over what does not belong there, and so let many texts be one token. */
function isBase64Url(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text);
}
