import { describe, expect, test } from 'vitest';
import { PLACE, resolved } from '../infra/simulate.ts';
import { synthesize } from '../infra/synthesize.ts';
import { matches } from './support/event-patterns.ts';

const { storage, monitoring } = synthesize();
const patterns = Object.fromEntries(
  Object.entries(monitoring.findResources('AWS::Events::Rule')).map(([id, { Properties }]) => [
    id.replace(/^TrailAlarms/, '').replace(/[0-9A-F]{8}$/, ''),
    resolved(monitoring, Properties.EventPattern, storage),
  ]),
);

const vault = 'vault23237e5b';
const log = 'vaulttraillog861d146e';
const keyId = 'VaultKey6B75F33E';
const keyArn = `arn:aws:kms:${PLACE.region}:${PLACE.account}:key/${keyId}`;
const trail = 'holdfast-HoldfastStorage';
const trailArn = `arn:aws:cloudtrail:${PLACE.region}:${PLACE.account}:trail/${trail}`;

type Detail = Readonly<Record<string, unknown>>;

/** An event as CloudTrail hands it to EventBridge. */
function event(service: string, detail: Detail): object {
  return {
    version: '0',
    id: 'a5ab6a5c-0000-0000-0000-000000000000',
    'detail-type': 'AWS API Call via CloudTrail',
    source: `aws.${service}`,
    account: PLACE.account,
    time: '2026-11-23T04:05:06Z',
    region: PLACE.region,
    resources: [],
    detail: {
      eventVersion: '1.11',
      eventSource: `${service}.amazonaws.com`,
      eventTime: '2026-11-23T04:05:06Z',
      userIdentity: { type: 'AssumedRole', arn: `arn:aws:sts::${PLACE.account}:assumed-role/Somebody/x` },
      ...detail,
    },
  };
}

const refused = { errorCode: 'AccessDenied', errorMessage: 'Access Denied' };
const onKey = (eventName: string, more: Detail = {}): object =>
  event('kms', { eventName, requestParameters: { keyId }, ...more });
const remove = (parameters: Detail, more: Detail = {}): object =>
  event('s3', {
    eventName: 'DeleteObject',
    requestParameters: { bucketName: vault, key: 'packs/standard/ab/abcd', ...parameters },
    ...more,
  });
const onBucket = (eventName: string, bucketName: string, more: Detail = {}): object =>
  event('s3', { eventName, requestParameters: { bucketName }, ...more });
const onTrail = (eventName: string, requestParameters: Detail): object =>
  event('cloudtrail', { eventName, requestParameters });

interface Case {
  readonly heard: Readonly<Record<string, object>>;
  readonly ignored: Readonly<Record<string, object>>;
}

const cases: Readonly<Record<string, Case>> = {
  KeyEndangered: {
    heard: {
      'the deletion of the key': onKey('ScheduleKeyDeletion', { requestParameters: { keyId: keyArn } }),
      'its being disabled': onKey('DisableKey'),
      'the loss of imported material': onKey('DeleteImportedKeyMaterial'),
      'a change of its policy': onKey('PutKeyPolicy', {
        requestParameters: null,
        resources: [{ ARN: keyArn }],
      }),
      'what was denied and names the key in its message only': onKey('ScheduleKeyDeletion', {
        requestParameters: null,
        errorCode: 'AccessDenied',
        errorMessage: `not authorized to perform: kms:ScheduleKeyDeletion on resource: ${keyArn} with an explicit deny`,
      }),
    },
    ignored: {
      'the use of the key': onKey('Decrypt'),
      'another key': onKey('ScheduleKeyDeletion', { requestParameters: { keyId: 'another' } }),
    },
  },
  DeleteMarkerMade: {
    heard: { 'a delete that names no version': remove({}) },
    ignored: {
      'the sweeper, which names one': remove({ versionId: 'v1' }),
      'what was refused': remove({}, refused),
      'another bucket': remove({ bucketName: 'another' }),
    },
  },
  DeleteRefused: {
    heard: {
      'a version that is locked': remove({ versionId: 'v1' }, refused),
      'a marker that is denied': remove({}, refused),
      'a call for many objects, which hides what was refused': event('s3', {
        eventName: 'DeleteObjects',
        requestParameters: { bucketName: vault, delete: '' },
      }),
    },
    ignored: {
      'what succeeded': remove({ versionId: 'v1' }),
      'another bucket': remove({ bucketName: 'another' }, refused),
      'a read that was refused': event('s3', {
        eventName: 'GetObject',
        requestParameters: { bucketName: vault },
        ...refused,
      }),
    },
  },
  VaultConfigurationChanged: {
    heard: {
      'a new policy': onBucket('PutBucketPolicy', vault),
      'no policy': onBucket('DeleteBucketPolicy', vault),
      'an attempt': onBucket('PutBucketPolicy', vault, refused),
      'the lock, by the name of the call': onBucket('PutObjectLockConfiguration', vault),
      'the lock, by the name of the permission': onBucket('PutBucketObjectLockConfiguration', vault),
      versioning: onBucket('PutBucketVersioning', vault),
      'the lifecycle': onBucket('PutBucketLifecycle', vault),
    },
    ignored: {
      'another bucket': onBucket('PutBucketPolicy', 'another'),
      'a read': onBucket('GetBucketPolicy', vault),
      tags: onBucket('PutBucketTagging', vault),
    },
  },
  TrailChanged: {
    heard: {
      'its end': onTrail('DeleteTrail', { name: trailArn }),
      'a pause': onTrail('StopLogging', { name: trail }),
      'other events': onTrail('PutEventSelectors', { trailName: trail }),
      'another log': onTrail('UpdateTrail', { name: trail, s3BucketName: 'another' }),
    },
    ignored: {
      'another trail': onTrail('StopLogging', { name: 'another' }),
      'its start': onTrail('StartLogging', { name: trail }),
    },
  },
  TrailLogChanged: {
    heard: { 'the policy of the log': onBucket('PutBucketPolicy', log) },
    ignored: { 'the policy of another bucket': onBucket('PutBucketPolicy', 'another') },
  },
};

describe.skipIf(process.env['HOLDFAST_ALLOW_REAL_AWS'] === '1')('the rules of the trail', () => {
  test('have cases each', () => {
    expect(Object.keys(patterns).toSorted()).toEqual(Object.keys(cases).toSorted());
  });

  const heard = Object.entries(cases).flatMap(([id, { heard: events }]) =>
    Object.entries(events).map(([what, given]) => [id, what, given] as const),
  );
  const ignored = Object.entries(cases).flatMap(([id, { ignored: events }]) =>
    Object.entries(events).map(([what, given]) => [id, what, given] as const),
  );

  test.each(heard)('%s hears of %s', async (id, _what, given) => {
    expect(await matches(patterns[id], given)).toBe(true);
  });

  test.each(ignored)('%s does not hear of %s', async (id, _what, given) => {
    expect(await matches(patterns[id], given)).toBe(false);
  });

  test.each(heard)('%s hears of %s by that rule alone', async (id, _what, given) => {
    const others = Object.entries(patterns).filter(([other]) => other !== id);
    const heardBy: string[] = [];
    for (const [other, pattern] of others) if (await matches(pattern, given)) heardBy.push(other);

    expect(heardBy).toEqual([]);
  });
});
