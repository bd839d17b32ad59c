import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { contextTag, encodeDer, encodeObjectId, encodeTime, encodeUnsigned, Tag } from "./der.ts";

export interface SelfSignedOptions {
  /** Names and addresses that the certificate is for. */
  readonly hosts: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A certificate and its key, both as PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

const SERIAL_BYTES = 16;
const ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2";
const ORGANIZATION_NAME = "2.5.4.10";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const BASIC_CONSTRAINTS = "2.5.29.19";
const SUBJECT_ALT_NAME = "2.5.29.17";
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";

/**
 * A key and a certificate for it that nobody else vouches for, with the fields of an etcd's (RFC
 * 5280 §4.1): for a server, by "etcd". Source: etcd client/pkg/transport listener.go SelfCert.
 */
export function makeSelfSigned(options: SelfSignedOptions): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const algorithm = encodeDer(Tag.sequence, encodeObjectId(ECDSA_WITH_SHA256));
  const name = encodeName("etcd");
  const body = encodeDer(
    Tag.sequence,
    // Version 3 is written as 2.
    encodeDer(contextTag(0, true), encodeUnsigned(Buffer.of(2))),
    encodeUnsigned(randomBytes(SERIAL_BYTES)),
    algorithm,
    name,
    encodeDer(Tag.sequence, encodeTime(options.notBeforeMs), encodeTime(options.notAfterMs)),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    encodeDer(contextTag(3, true), encodeDer(Tag.sequence, ...extensions(options.hosts))),
  );
  const signature = sign("sha256", body, privateKey);
  const whole = encodeDer(Tag.sequence, body, algorithm, bitString(signature, 0));
  return {
    certificate: toPem("CERTIFICATE", whole),
    key: privateKey.export({ type: "sec1", format: "pem" }).toString(),
  };
}

function encodeName(organization: string): Buffer {
  const value = encodeDer(Tag.utf8String, Buffer.from(organization));
  const attribute = encodeDer(Tag.sequence, encodeObjectId(ORGANIZATION_NAME), value);
  return encodeDer(Tag.sequence, encodeDer(Tag.set, attribute));
}

function extensions(hosts: readonly string[]): Buffer[] {
  // The first bit, for signatures, and the third, for keys: five bits of the byte are not used.
  const usage = bitString(Buffer.of(0b1010_0000), 5);
  const all = [
    extension(KEY_USAGE, true, usage),
    extension(EXTENDED_KEY_USAGE, false, encodeDer(Tag.sequence, encodeObjectId(SERVER_AUTH))),
    extension(BASIC_CONSTRAINTS, true, encodeDer(Tag.sequence)),
  ];
  if (hosts.length === 0) return all;
  const names = encodeDer(Tag.sequence, ...hosts.map(encodeHost));
  return [...all, extension(SUBJECT_ALT_NAME, false, names)];
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Buffer {
  const critical = isCritical ? [encodeDer(Tag.boolean, Buffer.of(0xff))] : [];
  const contents = encodeDer(Tag.octetString, value);
  return encodeDer(Tag.sequence, encodeObjectId(id), ...critical, contents);
}

/** A dNSName, or an iPAddress of 4 or 16 bytes. */
function encodeHost(host: string): Buffer {
  const family = isIP(host);
  if (family === 0) return encodeDer(contextTag(2, false), Buffer.from(host, "latin1"));
  return encodeDer(contextTag(7, false), family === 4 ? ipv4Bytes(host) : ipv6Bytes(host));
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function ipv6Bytes(address: string): Buffer {
  // The last 32 bits may be written as an IPv4 address.
  const plain = address.replace(/%.*$/, "").replace(/[\d.]+$/, (tail) => {
    return tail.includes(".") ? ipv4Bytes(tail).toString("hex").replace(/^.{4}/, "$&:") : tail;
  });
  const [left = "", right] = plain.split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  const groups = [...head, ...zeros, ...tail].map((group) => group.padStart(4, "0"));
  return Buffer.from(groups.join(""), "hex");
}

function bitString(bits: Uint8Array, unusedBits: number): Buffer {
  return encodeDer(Tag.bitString, Buffer.of(unusedBits), bits);
}

function toPem(label: string, bytes: Buffer): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
