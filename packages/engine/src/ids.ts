/**
 * Names of things, as types: a pack id is never taken for a run id.
 * All of them are lower-case hexadecimal text of 16 random bytes, except where a comment says otherwise.
 */

/** Names one vault; written into every key's encryption context and every frame's additional data. */
export type VaultId = string & { readonly __brand: 'VaultId' };
export type KeyId = string & { readonly __brand: 'KeyId' };
/** Names one stored object of chunks, pages or a container; new for every upload attempt. */
export type PackId = string & { readonly __brand: 'PackId' };
/** Names one attempt to protect one resource. */
export type RunId = string & { readonly __brand: 'RunId' };
export type HoldId = string & { readonly __brand: 'HoldId' };
/** Names one recovery point: `<source time as yyyymmddThhmmssZ>-<16 hex digits>`, so names sort by time. */
export type PointId = string & { readonly __brand: 'PointId' };
/** 64 hex digits: the keyed hash of a chunk's plain bytes (see docs/format.md). */
export type ChunkId = string & { readonly __brand: 'ChunkId' };
/** 64 hex digits: the keyed hash of a manifest page's plain bytes. */
export type PageId = string & { readonly __brand: 'PageId' };
/** A resource's ARN, account and region included: what a user protects. */
export type ResourceArn = string & { readonly __brand: 'ResourceArn' };
/** 32 hex digits of SHA-256(ARN): a resource's name inside object names, where an ARN does not fit. */
export type ResourceKey = string & { readonly __brand: 'ResourceKey' };
