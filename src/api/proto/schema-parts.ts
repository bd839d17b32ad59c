import { AUTH_SCHEMA } from "./schema-auth.ts";
import { CLUSTER_SCHEMA } from "./schema-cluster.ts";
import { HEALTH_SCHEMA } from "./schema-health.ts";
import { KEY_VALUE_SCHEMA } from "./schema-key-value.ts";
import { RECIPES_SCHEMA } from "./schema-recipes.ts";
import { WATCHERS_SCHEMA } from "./schema-watchers.ts";
import type { SchemaPart } from "./schema.ts";

/** The whole schema, part by part, each by the name of its file. */
export const SCHEMA_PARTS: Readonly<Record<string, SchemaPart>> = {
  "key-value": KEY_VALUE_SCHEMA,
  cluster: CLUSTER_SCHEMA,
  auth: AUTH_SCHEMA,
  recipes: RECIPES_SCHEMA,
  health: HEALTH_SCHEMA,
  watchers: WATCHERS_SCHEMA,
};
