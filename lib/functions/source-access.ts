import { Aws, type Stack } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type BucketRule, taggedBuckets } from '@holdfast/engine/model';
import type { DeploymentConfig } from '../deployment-config.ts';
import { ownAccount } from '../vault/vault-access.ts';
import { allow, allowSome } from './exact-policy.ts';

/** Tags that Holdfast puts on what it makes; only what carries them is it allowed to touch again. */
const RUN_TAG = 'holdfast:run';
const ATTEMPT_TAG = 'holdfast:attempt';
const RESTORE_TAG = 'holdfast:restore';

/** Objects are read as they are now; the tags are those of the version that was. */
const OBJECT_READS = ['s3:GetObject', 's3:GetObjectTagging', 's3:GetObjectVersionTagging'];

// Actions of EC2 and of the tagging API that know no resources.
const thisRegion = { StringEquals: { 'aws:RequestedRegion': Aws.REGION } };
const tagged = (key: string) => ({ Null: { [`aws:ResourceTag/${key}`]: 'false' } });
const requested = (key: string) => ({ Null: { [`aws:RequestTag/${key}`]: 'false' } });
const via = (service: string) => ({
  StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` },
});
const ec2 = (stack: Stack, resource: string) =>
  `arn:${Aws.PARTITION}:ec2:${stack.region}:${stack.account}:${resource}/*`;
/** Snapshots belong to no account in an ARN. */
const snapshots = (stack: Stack) => `arn:${Aws.PARTITION}:ec2:${stack.region}::snapshot/*`;
const bucket = (name: string) => `arn:${Aws.PARTITION}:s3:::${name}`;
const objects = (name: string) => `${bucket(name)}/*`;

export function discoversSources(): PolicyStatement[] {
  return [
    allow(
      'FindTaggedResources',
      ['tag:GetResources', 'ec2:DescribeInstances', 'ec2:DescribeVolumes'],
      ['*'],
      thisRegion,
    ),
    allow('ConfirmBucketTags', ['s3:GetBucketTagging'], [bucket('*')], ownAccount),
  ];
}

/** Reading the objects of source buckets; listing them is another right. */
export function readsBuckets(config: DeploymentConfig): PolicyStatement[] {
  const { buckets, keys } = config.sources;
  return [
    ...byTag('ReadTaggedBuckets', OBJECT_READS, objects, config),
    ...allowSome('ReadNamedBuckets', OBJECT_READS, namesOf(buckets).map(objects), ownAccount),
    ...allowSome('DecryptSources', ['kms:Decrypt'], keys, via('s3')),
  ];
}

/** Listing source buckets, and asking for their clock. */
export function listsBuckets(config: DeploymentConfig): PolicyStatement[] {
  const names = namesOf(config.sources.buckets);
  return [
    ...byTag('ListTaggedBuckets', ['s3:ListBucket'], bucket, config),
    ...allowSome('ListNamedBuckets', ['s3:ListBucket'], names.map(bucket), ownAccount),
  ];
}

/**
 * Rights to buckets whose tags S3 looks at itself, which it does only where attribute-based access control (ABAC) is
 * enabled: those that carry the tag of a plan, and where rules have tags, one of theirs as well.
 */
function byTag(
  sid: string,
  actions: readonly string[],
  arnOf: (name: string) => string,
  { sources, tagKey }: DeploymentConfig,
): PolicyStatement[] {
  const rules = taggedBuckets(sources.buckets);
  if (rules.length === 0) return [allow(sid, actions, [bucket('*')], { ...ownAccount, ...tagged(tagKey) })];
  return rules.map(({ name, tag }, at) =>
    allow(`${sid}${at}`, actions, [arnOf(name)], {
      ...tagged(tagKey),
      StringEquals: { ...ownAccount.StringEquals, [`aws:ResourceTag/${tag.key}`]: tag.value },
    }),
  );
}

function namesOf(rules: readonly BucketRule[]): readonly string[] {
  return rules.filter((rule) => typeof rule === 'string');
}

/** Describing things of EC2, which AWS allows for all of a kind or for none. */
export function describes(
  ...kinds: readonly ('AvailabilityZones' | 'Images' | 'Instances' | 'Volumes' | 'Snapshots')[]
): PolicyStatement {
  return allow(
    'DescribeImages',
    kinds.map((kind) => `ec2:Describe${kind}`),
    ['*'],
    thisRegion,
  );
}

/**
 * Listing what of the account holds data, and how much. None of these actions reads any of it.
 * @see https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
 */
export function listsAccount(): PolicyStatement[] {
  return [
    // Known to no bucket, and to no region where the endpoint is the global one.
    allow('ListBuckets', ['s3:ListAllMyBuckets'], ['*'], {
      StringEquals: { 'aws:PrincipalAccount': Aws.ACCOUNT_ID },
    }),
    allow(
      'ListData',
      [
        'cloudwatch:GetMetricData',
        'cloudwatch:ListMetrics',
        'dynamodb:DescribeTable',
        'dynamodb:ListTables',
        'ec2:DescribeInstances',
        'ec2:DescribeVolumes',
        'elasticfilesystem:DescribeFileSystems',
        'rds:DescribeDBClusters',
        'rds:DescribeDBInstances',
      ],
      ['*'],
      thisRegion,
    ),
  ];
}

/** Taking snapshots of tagged instances (all their volumes) and tagged volumes, and removing own duplicates. */
export function takesSnapshots(stack: Stack, { tagKey }: DeploymentConfig): PolicyStatement[] {
  return [
    allow('SnapshotTaggedInstances', ['ec2:CreateSnapshots'], [ec2(stack, 'instance')], tagged(tagKey)),
    // The volumes of a tagged instance carry no tag of their own; the statement above decides about the instance.
    allow('SnapshotTheirVolumes', ['ec2:CreateSnapshots'], [ec2(stack, 'volume')], thisRegion),
    allow('SnapshotTaggedVolumes', ['ec2:CreateSnapshot'], [ec2(stack, 'volume')], tagged(tagKey)),
    allow(
      'MakeSnapshotsOfARun',
      ['ec2:CreateSnapshot', 'ec2:CreateSnapshots'],
      [snapshots(stack)],
      requested(RUN_TAG),
    ),
    allow('TagNewSnapshots', ['ec2:CreateTags'], [snapshots(stack)], {
      StringEquals: { 'ec2:CreateAction': ['CreateSnapshot', 'CreateSnapshots'] },
    }),
    // A volume may have more tags than there is room for beside ours: then its snapshot gets some of them afterwards.
    allow('TagSnapshotsOfRuns', ['ec2:CreateTags'], [snapshots(stack)], {
      // All values of no key are other than anything.
      Null: { ...tagged(RUN_TAG).Null, 'aws:TagKeys': 'false' },
      'ForAllValues:StringNotEquals': { 'aws:TagKeys': [RUN_TAG, ATTEMPT_TAG] },
    }),
    allow('RemoveDuplicateSnapshots', ['ec2:DeleteSnapshot'], [snapshots(stack)], tagged(RUN_TAG)),
  ];
}

/**
 * Reading what describing leaves out, of tagged instances only: user data often holds secrets. AWS allows the credits of
 * all instances or of none.
 */
export function readsAttributes(stack: Stack, { tagKey }: DeploymentConfig): PolicyStatement[] {
  return [
    allow('ReadTaggedInstances', ['ec2:DescribeInstanceAttribute'], [ec2(stack, 'instance')], tagged(tagKey)),
    allow('DescribeCredits', ['ec2:DescribeInstanceCreditSpecifications'], ['*'], thisRegion),
  ];
}

/**
 * Listing the blocks of snapshots that runs took, what changed among them, and reading them; or of one snapshot by
 * itself, as files are looked for. The key of an encrypted snapshot is used for its
 * reader, whichever service asks for that; the context is what EBS encrypts the keys of volumes with.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-permissions.html
 * @see https://docs.aws.amazon.com/kms/latest/developerguide/services-ebs.html#ebs-encryption-context
 */
export function readsBlocks(
  stack: Stack,
  { sources: { keys } }: DeploymentConfig,
  use: 'list' | 'read' | 'look',
): PolicyStatement[] {
  const actions = {
    list: ['ebs:ListSnapshotBlocks', 'ebs:ListChangedBlocks'],
    read: ['ebs:ListSnapshotBlocks', 'ebs:ListChangedBlocks', 'ebs:GetSnapshotBlock'],
    look: ['ebs:ListSnapshotBlocks', 'ebs:GetSnapshotBlock'],
  };
  return [
    allow('ReadBlocksOfRuns', actions[use], [snapshots(stack)], tagged(RUN_TAG)),
    ...allowSome('DecryptBlocks', ['kms:Decrypt'], keys, {
      Null: { 'kms:EncryptionContext:aws:ebs:id': 'false' },
    }),
  ];
}

/** Removing only snapshots that runs took. */
export function removesSnapshots(stack: Stack): PolicyStatement {
  return allow('RemoveSnapshotsOfRuns', ['ec2:DeleteSnapshot'], [snapshots(stack)], tagged(RUN_TAG));
}

/**
 * Locking snapshots that runs took, where a plan says so.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/snapshot-lock-iam.html
 */
export function locksSnapshots(stack: Stack, { plans }: DeploymentConfig): PolicyStatement[] {
  if (!plans.some(({ images }) => images.lockSnapshots)) return [];
  return [
    allow('SeeLocks', ['ec2:DescribeLockedSnapshots'], ['*'], thisRegion),
    allow('LockSnapshotsOfRuns', ['ec2:LockSnapshot'], [snapshots(stack)], tagged(RUN_TAG)),
  ];
}

/** Deregistering only AMIs that restores registered. */
export function deregistersImages(stack: Stack): PolicyStatement {
  return allow('DeregisterImagesOfRestores', ['ec2:DeregisterImage'], [amis(stack)], tagged(RESTORE_TAG));
}

function amis(stack: Stack): string {
  return `arn:${Aws.PARTITION}:ec2:${stack.region}::image/*`;
}

/** Removing only snapshots that restores wrote. */
export function clearsSnapshots(stack: Stack): PolicyStatement {
  return allow('RemoveSnapshotsOfRestores', ['ec2:DeleteSnapshot'], [snapshots(stack)], tagged(RESTORE_TAG));
}

/**
 * Writing snapshots by the block, which carry the tag of their restore from the beginning, and reading those that are
 * their parents. Whoever may write them may use their key.
 * @see https://docs.aws.amazon.com/ebs/latest/userguide/ebsapi-permissions.html
 */
export function writesSnapshots(
  stack: Stack,
  { restoreTargets: { keys } }: DeploymentConfig,
  use: 'start' | 'write' | 'complete',
): PolicyStatement[] {
  const ofRestores = tagged(RESTORE_TAG);
  switch (use) {
    case 'start':
      return [
        allow('StartSnapshots', ['ebs:StartSnapshot'], [snapshots(stack)], requested(RESTORE_TAG)),
        // A snapshot of a run stays one: the tag of restores is what lets theirs be removed.
        allow('TagWrittenSnapshots', ['ec2:CreateTags'], [snapshots(stack)], {
          Null: {
            ...requested(RESTORE_TAG).Null,
            [`aws:RequestTag/${RUN_TAG}`]: 'true',
            [`aws:ResourceTag/${RUN_TAG}`]: 'true',
          },
        }),
        ...usesKeysOfEbs(keys),
      ];
    case 'write':
      return [
        allow('WriteBlocks', ['ebs:PutSnapshotBlock'], [snapshots(stack)], ofRestores),
        allow(
          'ReadParents',
          ['ebs:ListSnapshotBlocks', 'ebs:GetSnapshotBlock'],
          [snapshots(stack)],
          thisRegion,
        ),
        ...usesKeysOfEbs(keys),
      ];
    case 'complete':
      return [
        allow('CompleteSnapshots', ['ebs:CompleteSnapshot'], [snapshots(stack)], ofRestores),
        ...usesKeysOfEbs(keys),
      ];
  }
}

/** The context is what EBS encrypts the keys of volumes with; a grant is for EBS itself. */
function usesKeysOfEbs(keys: readonly string[]): PolicyStatement[] {
  return [
    ...allowSome(
      'EncryptBlocks',
      ['kms:Decrypt', 'kms:GenerateDataKeyWithoutPlaintext', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'],
      keys,
      { Null: { 'kms:EncryptionContext:aws:ebs:id': 'false' } },
    ),
    ...allowSome('DescribeKeysOfBlocks', ['kms:DescribeKey'], keys),
    ...allowSome('LetEbsUseKeys', ['kms:CreateGrant'], keys, {
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
  ];
}

/** Making volumes only out of snapshots that runs took, or restores wrote. */
export function createsVolumes(
  stack: Stack,
  { restoreTargets: { keys } }: DeploymentConfig,
): PolicyStatement[] {
  return [
    allow('UseSnapshotsOfRuns', ['ec2:CreateVolume'], [snapshots(stack)], tagged(RUN_TAG)),
    allow('UseSnapshotsOfRestores', ['ec2:CreateVolume'], [snapshots(stack)], tagged(RESTORE_TAG)),
    allow('MakeVolumesOfARestore', ['ec2:CreateVolume'], [ec2(stack, 'volume')], requested(RESTORE_TAG)),
    allow('TagNewVolumes', ['ec2:CreateTags'], [ec2(stack, 'volume')], {
      StringEquals: { 'ec2:CreateAction': 'CreateVolume' },
    }),
    ...encryptsVolumes(keys),
  ];
}

/** Letting EC2 use keys for new volumes, in the caller's name. */
function encryptsVolumes(keys: readonly string[]): PolicyStatement[] {
  return [
    ...allowSome(
      'EncryptVolumes',
      [
        'kms:Decrypt',
        'kms:DescribeKey',
        'kms:GenerateDataKeyWithoutPlaintext',
        'kms:ReEncryptFrom',
        'kms:ReEncryptTo',
      ],
      keys,
      via('ec2'),
    ),
    ...allowSome('LetEc2UseVolumeKeys', ['kms:CreateGrant'], keys, {
      ...via('ec2'),
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    }),
  ];
}

/**
 * Launching machines again: AMIs only of snapshots that runs took, or restores wrote; instances, volumes and interfaces
 * only with the tag of a restore; roles only those that the configuration names. Which AMI, subnet, group or key is left open: EC2 is asked
 * beforehand with the machine's own.
 */
export function launchesMachines(
  stack: Stack,
  { restoreTargets: { keys, roles } }: DeploymentConfig,
): PolicyStatement[] {
  const images = amis(stack);
  const made = ['instance', 'volume', 'network-interface'].map((kind) => ec2(stack, kind));
  const named = ['subnet', 'security-group', 'key-pair', 'placement-group'].map((kind) => ec2(stack, kind));
  const looks = ['Images', 'Instances', 'InstanceTypeOfferings', 'KeyPairs', 'NetworkInterfaces'];
  const looksToo = ['SecurityGroups', 'Snapshots', 'Subnets'];
  return [
    allow(
      'LookBeforeLaunch',
      [...looks, ...looksToo].map((kind) => `ec2:Describe${kind}`),
      ['*'],
      thisRegion,
    ),
    allow('RegisterSnapshotsOfRuns', ['ec2:RegisterImage'], [snapshots(stack)], tagged(RUN_TAG)),
    allow('RegisterSnapshotsOfRestores', ['ec2:RegisterImage'], [snapshots(stack)], tagged(RESTORE_TAG)),
    allow('RegisterImagesOfARestore', ['ec2:RegisterImage'], [images], requested(RESTORE_TAG)),
    deregistersImages(stack),
    allow('LaunchFromImages', ['ec2:RunInstances'], [images], thisRegion),
    allow('LaunchInstancesOfARestore', ['ec2:RunInstances'], made, requested(RESTORE_TAG)),
    allow('LaunchWhereItWas', ['ec2:RunInstances'], named, thisRegion),
    allow('TagWhatIsLaunched', ['ec2:CreateTags'], [...made, images], {
      StringEquals: { 'ec2:CreateAction': ['RunInstances', 'RegisterImage'] },
    }),
    // All volumes of a launch get the same tags; then each gets those of its original.
    allow('TagVolumesOfRestores', ['ec2:CreateTags'], [ec2(stack, 'volume')], {
      // All values of no key are other than anything.
      Null: { ...tagged(RESTORE_TAG).Null, 'aws:TagKeys': 'false' },
      'ForAllValues:StringNotEquals': { 'aws:TagKeys': [RESTORE_TAG] },
    }),
    allow('StopInstancesOfRestores', ['ec2:StopInstances'], [ec2(stack, 'instance')], tagged(RESTORE_TAG)),
    ...allowSome('PassRoles', ['iam:PassRole'], roles, {
      StringEquals: { 'iam:PassedToService': `ec2.${Aws.URL_SUFFIX}` },
    }),
    ...encryptsVolumes(keys),
  ];
}

export function listsTargets({ restoreTargets: { buckets } }: DeploymentConfig): PolicyStatement[] {
  return allowSome('ListTargets', ['s3:ListBucket'], buckets.map(bucket));
}

/** Ending uploads into the buckets that the configuration names, which writes nothing there. */
export function endsUploads({ restoreTargets: { buckets } }: DeploymentConfig): PolicyStatement[] {
  return allowSome('EndUploads', ['s3:AbortMultipartUpload'], buckets.map(objects), ownAccount);
}

/**
 * Writing restored objects into the buckets that the configuration names, and nowhere else; what is there already is
 * compared.
 */
export function writesTargets(config: DeploymentConfig): PolicyStatement[] {
  const { buckets, keys } = config.restoreTargets;
  if (buckets.length === 0) return [];
  return [
    ...listsTargets(config),
    allow(
      'WriteTargets',
      [
        's3:GetObject',
        's3:GetObjectTagging',
        's3:PutObject',
        's3:PutObjectTagging',
        's3:AbortMultipartUpload',
      ],
      buckets.map(objects),
      ownAccount,
    ),
    ...allowSome('EncryptTargets', ['kms:GenerateDataKey', 'kms:Decrypt'], keys, via('s3')),
  ];
}
