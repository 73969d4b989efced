import { InvalidInputError } from '../errors.ts';
import type { KeyId, PackId, PointId, ResourceKey } from '../ids.ts';

/** The vault's identity card, written once by the first writer. */
export const formatFileName = 'format.json';

export const objectPrefixes = {
  keys: 'keys/',
  packs: 'packs/',
  pages: 'pages/',
  containers: 'containers/',
  points: 'points/',
} as const;

/** @throws {@link InvalidInputError} the class is not one that a name can hold. */
export function packName(retentionClass: string, packId: PackId): string {
  if (!/^[a-z0-9-]{1,32}$/.test(retentionClass)) {
    throw new InvalidInputError(`retention class "${retentionClass}" must be 1 to 32 of a-z, 0-9 and "-"`);
  }
  return `packs/${retentionClass}/${packId.slice(0, 2)}/${packId}`;
}

export function pageName(packId: PackId): string {
  return `pages/${packId.slice(0, 2)}/${packId}`;
}

export function containerName(packId: PackId): string {
  return `containers/${packId}`;
}

export function rootName(resourceKey: ResourceKey, pointId: PointId): string {
  return `points/${resourceKey}/${pointId}`;
}

export function keyName(keyId: KeyId): string {
  return `keys/${keyId}.json`;
}

/** Name of a file that wraps a key once more, for a recipient added later. */
export function addedKeyName(keyId: KeyId, fingerprint: string): string {
  return `keys/${keyId}.${fingerprint}.json`;
}

/** Prefix of all names that hold a key: its own file's, and those of {@link addedKeyName}. */
export function keyPrefix(keyId: KeyId): string {
  return `keys/${keyId}.`;
}

export interface NamedPack {
  readonly kind: 'chunks' | 'pages' | 'container';
  /** Only packs of chunks carry it in their name. */
  readonly retentionClass: string;
  readonly packId: PackId;
}

export function objectNameOf({ kind, retentionClass, packId }: NamedPack): string {
  if (kind === 'pages') return pageName(packId);
  return kind === 'container' ? containerName(packId) : packName(retentionClass, packId);
}

export type ParsedObjectName =
  | { readonly kind: 'format' }
  /** `fingerprint`: of the recipient, in a file that wraps a key once more. */
  | { readonly kind: 'key'; readonly keyId: KeyId; readonly fingerprint?: string }
  | { readonly kind: 'chunks'; readonly retentionClass: string; readonly packId: PackId }
  | { readonly kind: 'pages'; readonly packId: PackId }
  | { readonly kind: 'container'; readonly packId: PackId }
  | { readonly kind: 'root'; readonly resourceKey: ResourceKey; readonly pointId: PointId };

const patterns = {
  key: /^keys\/([0-9a-f]{32})(?:\.([0-9a-f]{16}))?\.json$/,
  chunks: /^packs\/([a-z0-9-]{1,32})\/([0-9a-f]{2})\/(\2[0-9a-f]{30})$/,
  pages: /^pages\/([0-9a-f]{2})\/(\1[0-9a-f]{30})$/,
  container: /^containers\/([0-9a-f]{32})$/,
  root: /^points\/([0-9a-f]{32})\/(\d{8}T\d{6}Z-[0-9a-f]{16})$/,
} as const;

/** The reverse of the naming functions; `undefined` for a name that the product never gives. */
export function parseObjectName(name: string): ParsedObjectName | undefined {
  if (name === formatFileName) return { kind: 'format' };
  const key = patterns.key.exec(name);
  if (key) {
    const fingerprint = key[2];
    return { kind: 'key', keyId: key[1] as KeyId, fingerprint };
  }
  const chunks = patterns.chunks.exec(name);
  if (chunks) return { kind: 'chunks', retentionClass: chunks[1] as string, packId: chunks[3] as PackId };
  const pages = patterns.pages.exec(name);
  if (pages) return { kind: 'pages', packId: pages[2] as PackId };
  const container = patterns.container.exec(name);
  if (container) return { kind: 'container', packId: container[1] as PackId };
  const root = patterns.root.exec(name);
  if (root) return { kind: 'root', resourceKey: root[1] as ResourceKey, pointId: root[2] as PointId };
  return undefined;
}
