import { expect, test } from 'vitest';
import { recordsDeletes } from '../src/inventory/records-deletes.ts';

const vault = 'arn:aws:s3:::vault/';
const field = (Field: string, ...Equals: string[]) => ({ Field, Equals });
const data = [field('eventCategory', 'Data'), field('resources.type', 'AWS::S3::Object')];
const advanced = (...FieldSelectors: object[]) => ({
  AdvancedEventSelectors: [{ FieldSelectors: FieldSelectors as { Field: string }[] }],
});
const basic = (ReadWriteType: 'All' | 'ReadOnly' | 'WriteOnly', ...Values: string[]) => ({
  EventSelectors: [{ ReadWriteType, DataResources: [{ Type: 'AWS::S3::Object', Values }] }],
});

test.for([
  [
    "the deployment's own",
    advanced(
      ...data,
      { Field: 'resources.ARN', StartsWith: [vault] },
      field('eventName', 'DeleteObject', 'DeleteObjects'),
    ),
  ],
  ['over all objects of all buckets', advanced(...data)],
  ['over all that is written', advanced(...data, field('readOnly', 'false'))],
  [
    'over all buckets but another',
    advanced(...data, { Field: 'resources.ARN', NotStartsWith: ['arn:aws:s3:::logs/'] }),
  ],
  [
    'over all names but those of reads',
    advanced(...data, { Field: 'eventName', NotStartsWith: ['Get', 'List'] }),
  ],
  ['over the bucket, by basic selectors', basic('WriteOnly', 'arn:aws:s3:::other/', vault)],
  ['over all buckets, by basic selectors', basic('All', 'arn:aws:s3')],
] as const)('a trail %s records deletes in the vault', ([, selectors]) => {
  expect(recordsDeletes(selectors, vault)).toBe(true);
});

test.for([
  ['over changes of configuration', advanced(field('eventCategory', 'Management'))],
  ["over all objects but the vault's", advanced(...data, { Field: 'resources.ARN', NotStartsWith: [vault] })],
  ['over some of its objects', advanced(...data, { Field: 'resources.ARN', StartsWith: [`${vault}roots/`] })],
  ['over one of its objects', advanced(...data, field('resources.ARN', `${vault}roots/1`))],
  [
    'over a bucket whose name is longer',
    advanced(...data, { Field: 'resources.ARN', StartsWith: ['arn:aws:s3:::vault-logs/'] }),
  ],
  ['over what is read', advanced(...data, field('readOnly', 'true'))],
  ['over what is put', advanced(...data, field('eventName', 'PutObject'))],
  ['over deletes of one object alone', advanced(...data, field('eventName', 'DeleteObject'))],
  [
    'over all but deletes of many objects',
    advanced(...data, { Field: 'eventName', NotEquals: ['DeleteObjects'] }),
  ],
  [
    'over what one user does',
    advanced(...data, { Field: 'userIdentity.arn', StartsWith: ['arn:aws:iam::1:user/me'] }),
  ],
  ['over tables', advanced(field('eventCategory', 'Data'), field('resources.type', 'AWS::DynamoDB::Table'))],
  ['over what is read, by basic selectors', basic('ReadOnly', vault)],
  ['without selectors', {}],
] as const)('a trail %s does not', ([, selectors]) => {
  expect(recordsDeletes(selectors, vault)).toBe(false);
});
