import { expect, test } from 'vitest';
import type { KeyId, PackId, PointId, ResourceKey } from '../../src/ids.ts';
import * as names from '../../src/packs/object-names.ts';

const packId = 'ab0123456789abcdef0123456789abcd' as PackId;
const resourceKey = '00112233445566778899aabbccddeeff' as ResourceKey;
const pointId = '20260101T000000Z-0123456789abcdef' as PointId;

test('every name says what it names, and can be read back', () => {
  const all = [
    [names.formatFileName, 'format.json', { kind: 'format' }],
    [names.keyName(packId as string as KeyId), `keys/${packId}.json`, { kind: 'key', keyId: packId }],
    [
      names.packName('long-1', packId),
      `packs/long-1/ab/${packId}`,
      { kind: 'chunks', retentionClass: 'long-1', packId },
    ],
    [names.pageName(packId), `pages/ab/${packId}`, { kind: 'pages', packId }],
    [names.containerName(packId), `containers/${packId}`, { kind: 'container', packId }],
    [
      names.rootName(resourceKey, pointId),
      `points/${resourceKey}/${pointId}`,
      { kind: 'root', resourceKey, pointId },
    ],
  ] as const;
  for (const [made, name, parsed] of all) {
    expect(made).toBe(name);
    expect(names.parseObjectName(name)).toEqual(parsed);
  }
});

test('a catalog row leads to the name of its object', () => {
  const of = (kind: 'chunks' | 'pages' | 'container') =>
    names.objectNameOf({ kind, retentionClass: 'short', packId });

  expect(of('chunks')).toBe(names.packName('short', packId));
  expect(of('pages')).toBe(names.pageName(packId));
  expect(of('container')).toBe(names.containerName(packId));
});

test.each([
  '',
  'format.json2',
  `keys/${packId}`,
  `packs/short/ac/${packId}`,
  `packs/Short/ab/${packId}`,
  `packs/short/ab/${packId}/x`,
  `pages/ab/${packId.toUpperCase()}`,
  `containers/${packId.slice(1)}`,
  `points/${resourceKey}/20260101T000000Z`,
])('"%s" is no name of the product', (name) => {
  expect(names.parseObjectName(name)).toBeUndefined();
});

test.each(['', 'Short', 'a/b', '../x', 'x'.repeat(33)])(
  'no pack is named with the class "%s"',
  (retentionClass) => {
    expect(() => names.packName(retentionClass, packId)).toThrow(
      expect.objectContaining({ name: 'InvalidInputError' }),
    );
  },
);
