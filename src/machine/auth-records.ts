import { EMPTY_BYTES, latin1Bytes, latin1Text } from "../base/bytes.ts";
import { WireReader, WireWriter } from "../base/wire.ts";
import type { AuthRole, AuthUser, KeyPermission } from "./auth-command.ts";

/**
 * Users and roles as bytes: etcd's own authpb.User and authpb.Role, so that they can be handed to
 * an etcd as they are. Names are the keys of the tables: their UTF-8 bytes as latin1 text, whose
 * order is the order of the bytes.
 */
const USER_NAME = 1;
const USER_PASSWORD = 2;
const USER_ROLES = 3;
const USER_OPTIONS = 4;
const OPTIONS_NO_PASSWORD = 1;
const ROLE_NAME = 1;
const ROLE_PERMISSIONS = 2;
const PERMISSION_TYPE = 1;
const PERMISSION_KEY = 2;
const PERMISSION_RANGE_END = 3;

/** The key of a name in its table. */
export function nameKey(name: string): string {
  const writer = new WireWriter(64);
  writer.text(name);
  const bytes = writer.bytes();
  return latin1Text(bytes, 0, bytes.length);
}

/** Order of names as etcd lists them: by their bytes. */
export function compareNames(left: string, right: string): number {
  const one = nameKey(left);
  const other = nameKey(right);
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

export function encodeUser(user: AuthUser): Uint8Array {
  const writer = new WireWriter(256);
  writer.stringField(USER_NAME, user.name);
  writer.bytesField(USER_PASSWORD, latin1Bytes(user.passwordHash));
  for (const role of user.roles) writer.stringField(USER_ROLES, role);
  writer.messageField(USER_OPTIONS, user.noPassword ? 2 : 0);
  writer.boolField(OPTIONS_NO_PASSWORD, user.noPassword);
  return writer.bytes();
}

export function decodeUser(bytes: Uint8Array): AuthUser {
  const reader = new WireReader(bytes);
  const roles: string[] = [];
  let name = "";
  let passwordHash = "";
  let noPassword = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === USER_NAME * 8 + 2) name = reader.string();
    else if (tag === USER_PASSWORD * 8 + 2) {
      const password = reader.bytes();
      passwordHash = latin1Text(password, 0, password.length);
    } else if (tag === USER_ROLES * 8 + 2) roles.push(reader.string());
    else if (tag === USER_OPTIONS * 8 + 2) noPassword = decodeNoPassword(reader.message());
    else reader.skip(tag);
  }
  return { name, passwordHash, roles, noPassword };
}

function decodeNoPassword(reader: WireReader): boolean {
  let noPassword = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === OPTIONS_NO_PASSWORD * 8) noPassword = reader.bool();
    else reader.skip(tag);
  }
  return noPassword;
}

export function encodeRole({ name, permissions }: AuthRole): Uint8Array {
  const writer = new WireWriter(256);
  const inner = new WireWriter(256);
  writer.stringField(ROLE_NAME, name);
  for (const { type, key, rangeEnd } of permissions) {
    inner.reset();
    inner.intField(PERMISSION_TYPE, type);
    inner.bytesField(PERMISSION_KEY, key);
    inner.bytesField(PERMISSION_RANGE_END, rangeEnd);
    writer.messageField(ROLE_PERMISSIONS, inner.length);
    writer.raw(inner.bytes());
  }
  return writer.bytes();
}

export function decodeRole(bytes: Uint8Array): AuthRole {
  const reader = new WireReader(bytes);
  const permissions: KeyPermission[] = [];
  let name = "";
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ROLE_NAME * 8 + 2) name = reader.string();
    else if (tag === ROLE_PERMISSIONS * 8 + 2) permissions.push(decodePermission(reader.message()));
    else reader.skip(tag);
  }
  return { name, permissions };
}

function decodePermission(reader: WireReader): KeyPermission {
  let type = 0;
  let key = EMPTY_BYTES;
  let rangeEnd = EMPTY_BYTES;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === PERMISSION_TYPE * 8) type = reader.int32();
    else if (tag === PERMISSION_KEY * 8 + 2) key = reader.bytes();
    else if (tag === PERMISSION_RANGE_END * 8 + 2) rangeEnd = reader.bytes();
    else reader.skip(tag);
  }
  return { type, key, rangeEnd };
}
