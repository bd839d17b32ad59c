/**
 * The etcd version whose behaviour this server follows: clients decide by it what they may ask for
 * (M2), so it is etcd's version and not ours.
 */
export const ETCD_VERSION = "3.7.1";
export const ETCD_CLUSTER_VERSION = "3.7.0";
export const ETCD_STORAGE_VERSION = "3.7.0";
