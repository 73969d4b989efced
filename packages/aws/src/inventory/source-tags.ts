import {
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeVolumesCommand,
  type EC2Client,
} from '@aws-sdk/client-ec2';
import { DescribeKeyCommand, type KMSClient } from '@aws-sdk/client-kms';
import {
  GetBucketAbacCommand,
  GetBucketEncryptionCommand,
  GetBucketTaggingCommand,
  PutBucketTaggingCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type S3ControlClient, TagResourceCommand } from '@aws-sdk/client-s3-control';
import { InvalidInputError, type ResourceArn, UnknownNameError } from '@holdfast/engine';
import { toTagRecord } from '../images/ec2-machine.ts';
import { bucketOfArn, instanceOfArn, kindOfArn, volumeOfArn } from '../sdk/resource-arns.ts';
import { answerOf, errorName, httpStatus, isDenied, toEngineError } from '../sdk/sdk-errors.ts';
import { toTags } from '../sources/s3-object-facts.ts';

export interface SourceTagClients {
  readonly s3: S3Client;
  readonly s3Control: S3ControlClient;
  readonly ec2: EC2Client;
  readonly kms: KMSClient;
}

/** Facts that decide whether a resource can be backed up, as its own service tells. */
export interface SourceFacts {
  readonly tags: Readonly<Record<string, string>>;
  /**
   * AWS decides about reading it by its tag: always of instances and volumes, of buckets where ABAC is enabled. Absent
   * where that could not be learnt.
   */
  readonly isDecidedByTag: boolean | undefined;
  /** Customer managed keys that it is encrypted with. */
  readonly customerKeys: readonly string[];
}

/** Looks at a resource, and opts it in by a tag, with the caller's own rights. */
export class SourceTags {
  readonly #clients: SourceTagClients;
  readonly #account: () => Promise<string>;

  constructor(clients: SourceTagClients, account: () => Promise<string>) {
    this.#clients = clients;
    this.#account = account;
  }

  /**
   * @throws {@link UnknownNameError} there is no such resource.
   * @throws {@link InvalidInputError} it is of a kind that is not backed up.
   */
  async look(arn: ResourceArn): Promise<SourceFacts> {
    switch (kindOfArn(arn)) {
      case 'ec2-instance':
        return this.#lookAtInstance(instanceOfArn(arn));
      case 'ebs-volume':
        return this.#lookAtVolumes({ volumes: [volumeOfArn(arn)] });
      default:
        return this.#lookAtBucket(bucketOfArn(arn));
    }
  }

  /** Sets one tag, and leaves the others; of a bucket without ABAC S3 takes only all of them at once. */
  async put(arn: ResourceArn, key: string, value: string): Promise<void> {
    const kind = kindOfArn(arn);
    const doing = `tagging ${arn}`;
    const Tags = [{ Key: key, Value: value }];
    if (kind === 'ec2-instance' || kind === 'ebs-volume') {
      const id = kind === 'ebs-volume' ? volumeOfArn(arn) : instanceOfArn(arn);
      await answerOf(this.#clients.ec2.send(new CreateTagsCommand({ Resources: [id], Tags })), doing);
      return;
    }
    const { tags, isDecidedByTag } = await this.look(arn);
    if (isDecidedByTag === true) {
      const command = new TagResourceCommand({ AccountId: await this.#account(), ResourceArn: arn, Tags });
      await answerOf(this.#clients.s3Control.send(command), doing);
      return;
    }
    const TagSet = Object.entries({ ...tags, [key]: value }).map(([Key, Value]) => ({ Key, Value }));
    const command = new PutBucketTaggingCommand({
      Bucket: bucketOfArn(arn),
      ExpectedBucketOwner: await this.#account(),
      Tagging: { TagSet },
    });
    await answerOf(this.#clients.s3.send(command), doing);
  }

  async #lookAtBucket(bucket: string): Promise<SourceFacts> {
    const { s3 } = this.#clients;
    const own = { Bucket: bucket, ExpectedBucketOwner: await this.#account() };
    const { TagSet } = await unless('NoSuchTagSet', s3.send(new GetBucketTaggingCommand(own)), bucket);
    const none = 'ServerSideEncryptionConfigurationNotFoundError';
    const { ServerSideEncryptionConfiguration } = await unless(
      none,
      s3.send(new GetBucketEncryptionCommand(own)),
      bucket,
    );
    const keys = (ServerSideEncryptionConfiguration?.Rules ?? []).flatMap(
      ({ ApplyServerSideEncryptionByDefault: rule }) => rule?.KMSMasterKeyID ?? [],
    );
    return {
      tags: toTags(TagSet),
      isDecidedByTag: await this.#isDecidedByTag(bucket),
      customerKeys: await this.#customerKeys(keys),
    };
  }

  /** Not known to who may not ask, nor where S3 does not know ABAC: then tags are set as they always were. */
  async #isDecidedByTag(Bucket: string): Promise<boolean | undefined> {
    try {
      const ExpectedBucketOwner = await this.#account();
      const { AbacStatus } = await this.#clients.s3.send(
        new GetBucketAbacCommand({ Bucket, ExpectedBucketOwner }),
      );
      return AbacStatus?.Status === 'Enabled';
    } catch (error) {
      if (isDenied(error) || ['NotImplemented', 'MethodNotAllowed'].includes(errorName(error)))
        return undefined;
      throw toEngineError(error, `asking whether a tag decides about bucket ${Bucket}`);
    }
  }

  async #lookAtInstance(instanceId: string): Promise<SourceFacts> {
    const sent = this.#clients.ec2.send(new DescribeInstancesCommand({ InstanceIds: [instanceId] }));
    const { Reservations } = await unless('InvalidInstanceID.NotFound', sent, instanceId);
    const instance = Reservations?.[0]?.Instances?.[0];
    if (instance === undefined || instance.State?.Name === 'terminated') throw noSuch(instanceId);
    const volumes = (instance.BlockDeviceMappings ?? []).flatMap(({ Ebs }) => Ebs?.VolumeId ?? []);
    return this.#lookAtVolumes({ volumes, tags: toTagRecord(instance.Tags) });
  }

  /** @param tags - of the instance that has them; without it, the volume's own count. */
  async #lookAtVolumes({
    volumes,
    tags,
  }: {
    readonly volumes: readonly string[];
    readonly tags?: Readonly<Record<string, string>>;
  }): Promise<SourceFacts> {
    if (volumes.length === 0) return { tags: tags ?? {}, isDecidedByTag: true, customerKeys: [] };
    const sent = this.#clients.ec2.send(new DescribeVolumesCommand({ VolumeIds: [...volumes] }));
    const { Volumes = [] } = await unless('InvalidVolume.NotFound', sent, volumes.join(', '));
    const [first] = Volumes;
    if (first === undefined) throw noSuch(volumes.join(', '));
    const keys = new Set(Volumes.flatMap(({ KmsKeyId }) => KmsKeyId ?? []));
    return {
      tags: tags ?? toTagRecord(first.Tags),
      isDecidedByTag: true,
      customerKeys: await this.#customerKeys([...keys]),
    };
  }

  /** ARNs of those that are no key of AWS's own, which asks for no right. */
  async #customerKeys(keys: readonly string[]): Promise<readonly string[]> {
    const found: string[] = [];
    for (const KeyId of keys) {
      const sent = this.#clients.kms.send(new DescribeKeyCommand({ KeyId }));
      const { KeyMetadata } = await answerOf(sent, `describing key ${KeyId}`);
      if (KeyMetadata?.KeyManager !== 'AWS') found.push(KeyMetadata?.Arn ?? KeyId);
    }
    return found;
  }
}

/** The answer, or an empty one for an error that says that there is nothing. */
async function unless<Answer extends object>(
  nothing: string,
  sent: Promise<Answer>,
  name: string,
): Promise<Partial<Answer>> {
  try {
    return await sent;
  } catch (error) {
    if (errorName(error) === nothing) return {};
    if (errorName(error) === 'NoSuchBucket') throw noSuch(name, error);
    if (errorName(error) === 'PermanentRedirect' || httpStatus(error) === 301)
      throw new InvalidInputError(
        `bucket ${name} is in another region; name that with --region, and deploy Holdfast there`,
        { cause: error },
      );
    throw toEngineError(error, `looking at ${name}`);
  }
}

function noSuch(name: string, cause?: unknown): UnknownNameError {
  return new UnknownNameError(
    `there is no ${name} in this account and region; correct the name or --region`,
    {
      cause,
    },
  );
}
