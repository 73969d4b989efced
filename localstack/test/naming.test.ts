import { expect, test } from 'vitest';
import { parseQuery, toXml } from '../gateway/ec2/query-protocol.ts';
import { restOperation, s3Target } from '../gateway/operation-names.ts';
import { matchesPattern } from '../gateway/wildcard.ts';
import { LifecycleRules, toLifecycleRules } from '../lifecycle-rules.ts';

test.each([
  ['GET', '/', 'ListBuckets'],
  ['PUT', '/vault', 'CreateBucket'],
  ['GET', '/vault?list-type=2&prefix=a', 'ListObjectsV2'],
  ['GET', '/vault?versions', 'ListObjectVersions'],
  ['POST', '/vault?delete', 'DeleteObjects'],
  ['GET', '/vault?tagging', 'GetBucketTagging'],
  ['PUT', '/vault?object-lock', 'PutObjectLockConfiguration'],
  ['PUT', '/vault/a/b', 'PutObject'],
  ['HEAD', '/vault/a', 'HeadObject'],
  ['DELETE', '/vault/a?versionId=1', 'DeleteObject'],
  ['POST', '/vault/a?uploads', 'CreateMultipartUpload'],
  ['PUT', '/vault/a?partNumber=1&uploadId=u', 'UploadPart'],
  ['POST', '/vault/a?uploadId=u', 'CompleteMultipartUpload'],
  ['DELETE', '/vault/a?uploadId=u', 'AbortMultipartUpload'],
  ['PUT', '/vault/a?retention', 'PutObjectRetention'],
  ['PUT', '/vault/a?legal-hold', 'PutObjectLegalHold'],
  ['GET', '/vault/a?tagging', 'GetObjectTagging'],
  ['POST', '/vault/a?restore', 'RestoreObject'],
])('knows %s %s as %s', (method, path, operation) => {
  expect(s3Target(method, path, {}).operation).toBe(operation);
});

test('tells copies from uploads, and decodes keys', () => {
  const headers = { 'x-amz-copy-source': '/a/b' };

  expect(s3Target('PUT', '/vault/x%2Fy%20z', headers)).toEqual({
    operation: 'CopyObject',
    bucket: 'vault',
    key: 'x/y z',
  });
});

test.each(['../up', 'a/../../b', './a', '..'])('takes the dots of %s for a part of the key', (key) => {
  expect(s3Target('DELETE', `/vault/${key}?versionId=1`, {})).toEqual({
    operation: 'DeleteObject',
    bucket: 'vault',
    key,
  });
});

test('names calls of REST and CBOR services', () => {
  expect(restOperation('lambda', 'POST', '/2015-03-31/functions/worker/invocations')).toBe('Invoke');
  expect(
    restOperation('monitoring', 'POST', '/service/GraniteServiceVersion20100801/operation/PutMetricData'),
  ).toBe('PutMetricData');
  expect(restOperation('efs', 'GET', '/2015-02-01/file-systems')).toBe('GET /2015-02-01/file-systems');
});

test.each([
  ['db-*', 'db-1', true],
  ['db-?', 'db-12', false],
  [String.raw`a\*b`, 'a*b', true],
  [String.raw`a\*b`, 'axb', false],
  ['(a|b)+', 'a', false],
  ['*', 'line\nbreak', true],
  ['é?', 'é😀', true],
])('matches %j against %j: %j', (pattern, text, expected) => {
  expect(matchesPattern(pattern, text)).toBe(expected);
});

test('decodes dotted parameters, with lists in the order of their numbers', () => {
  const form = new URLSearchParams('Filter.1.Name=tag:a&Filter.1.Value.10=z&Filter.1.Value.2=y&MaxResults=5');

  expect(parseQuery(form)).toEqual({ Filter: [{ Name: 'tag:a', Value: ['y', 'z'] }], MaxResults: '5' });
});

test('writes lists as items, leaves out what is undefined, and escapes text', () => {
  const node = { tagSet: [{ key: 'a<b', value: 'c&d' }], at: new Date(0), encrypted: false, none: undefined };

  expect(toXml('volume', node)).toBe(
    '<volume><tagSet><item><key>a&lt;b</key><value>c&amp;d</value></item></tagSet>' +
      '<at>1970-01-01T00:00:00.000Z</at><encrypted>false</encrypted></volume>',
  );
});

test("translates a template's lifecycle rules to the S3 API's", () => {
  const rules = LifecycleRules.parse([
    { Id: 'abort', Status: 'Enabled', AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    {
      Status: 'Enabled',
      Prefix: 'packs/',
      ObjectSizeGreaterThan: '131072',
      Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 30 }],
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    },
  ]);

  expect(toLifecycleRules(rules)).toMatchObject([
    { ID: 'abort', Filter: { Prefix: '' }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    {
      Filter: { And: { Prefix: 'packs/', ObjectSizeGreaterThan: 131_072 } },
      Transitions: [{ StorageClass: 'GLACIER_IR', Days: 30 }],
      NoncurrentVersionExpiration: { NoncurrentDays: 1 },
    },
  ]);
});
