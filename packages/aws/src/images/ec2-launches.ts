import {
  CreateTagsCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeKeyPairsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSecurityGroupsCommand,
  DescribeSubnetsCommand,
  type Image,
  type Instance,
  RegisterImageCommand,
  type RegisterImageRequest,
  RunInstancesCommand,
  type RunInstancesRequest,
  type SecurityGroup,
  StopInstancesCommand,
} from '@aws-sdk/client-ec2';
import { StoreUnavailableError } from '@holdfast/engine';
import type { InstanceWishes, LaunchedInstance } from '@holdfast/engine/model';
import { errorName } from '../sdk/sdk-errors.ts';
import type { Ec2Clients } from '../sdk/make-ec2-clients.ts';
import { isPassing, toEc2Error } from './ec2-errors.ts';
import { fromTagRecord, type MachineConfiguration, toTagRecord } from './ec2-machine.ts';
import type { LaunchFacts } from './judge-launch.ts';
import { interfacesToMake } from './launch-requests.ts';

/** EC2's answer to an order: what it made, or why it does not, in its own words. */
export type Ordered<Made> = { readonly made: Made } | { readonly refusal: string };

export interface RegisteredImage {
  readonly imageId: string;
  readonly state: 'pending' | 'available' | 'failed' | (string & {});
  /** As AWS will bill what is launched from it. */
  readonly platform?: string;
  readonly why?: string;
  readonly tags: Readonly<Record<string, string>>;
}

export interface InstanceState extends LaunchedInstance {
  /** EC2's reason for the state that it is in. */
  readonly why?: string;
  /** Device → volume id. */
  readonly volumes: ReadonlyMap<string, string>;
}

/** Launching machines with EC2: looking at what a launch names, AMIs, and instances. */
export class Ec2Launches {
  readonly #clients: Ec2Clients;

  constructor(clients: Ec2Clients) {
    this.#clients = clients;
  }

  /** Looks at everything that a launch names, and changes nothing. */
  async findFacts(machine: MachineConfiguration, wishes: InstanceWishes): Promise<LaunchFacts> {
    const interfaces = interfacesToMake(machine, wishes);
    const subnets = await this.#findSubnets(interfaces.map(({ subnetId }) => subnetId));
    const [primary] = interfaces;
    const place = primary && subnets.get(primary.subnetId);
    const zone = place?.availabilityZone ?? machine.availabilityZone;
    const groups = await this.#findGroups(
      'group-id',
      interfaces.flatMap(({ securityGroupIds }) => securityGroupIds),
    );
    const inVpc =
      wishes.network === false && place !== undefined ? await this.#findGroups('vpc-id', [place.vpcId]) : [];
    const key = (wishes.keyName ?? machine.keyName) || undefined;
    return {
      subnets,
      groups: new Map(
        groups.map((group) => [group.GroupId ?? '', { vpcId: group.VpcId ?? '', rules: rulesOf(group) }]),
      ),
      groupsWithoutRules: inVpc
        .filter((group) => rulesOf(group) === 0)
        .flatMap(({ GroupId }) => GroupId ?? []),
      keyExists: key === undefined || (await this.#keyExists(key)),
      takenAddresses: await this.#findTaken(wishes.privateAddress === 'keep' ? interfaces : []),
      isTypeOffered: await this.#isTypeOffered(wishes.type ?? machine.instanceType, zone),
    };
  }

  async #findSubnets(ids: readonly string[]): Promise<LaunchFacts['subnets']> {
    const found = new Map<string, { vpcId: string; availabilityZone: string }>();
    if (ids.length === 0) return found;
    // By filter, not by id: one absent id would fail the whole call.
    const command = new DescribeSubnetsCommand({
      Filters: [{ Name: 'subnet-id', Values: [...new Set(ids)] }],
    });
    const { Subnets = [] } = await attempt(this.#clients.ec2.send(command), 'describing subnets');
    for (const { SubnetId = '', VpcId = '', AvailabilityZone = '' } of Subnets)
      found.set(SubnetId, { vpcId: VpcId, availabilityZone: AvailabilityZone });
    return found;
  }

  async #findGroups(name: 'group-id' | 'vpc-id', values: readonly string[]): Promise<SecurityGroup[]> {
    const found: SecurityGroup[] = [];
    if (values.length === 0) return found;
    const Filters = [{ Name: name, Values: [...new Set(values)] }];
    let NextToken: string | undefined;
    do {
      const command: DescribeSecurityGroupsCommand = new DescribeSecurityGroupsCommand({
        Filters,
        NextToken,
        MaxResults: 1000,
      });
      const answer = await attempt(this.#clients.ec2.send(command), 'describing security groups');
      found.push(...(answer.SecurityGroups ?? []));
      NextToken = answer.NextToken;
    } while (NextToken);
    return found;
  }

  async #keyExists(name: string): Promise<boolean> {
    const command = new DescribeKeyPairsCommand({ Filters: [{ Name: 'key-name', Values: [name] }] });
    const { KeyPairs = [] } = await attempt(this.#clients.ec2.send(command), 'describing key pairs');
    return KeyPairs.length > 0;
  }

  async #isTypeOffered(type: string, zone: string): Promise<boolean> {
    const command = new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [
        { Name: 'instance-type', Values: [type] },
        { Name: 'location', Values: [zone] },
      ],
    });
    const what = 'describing offered instance types';
    const { InstanceTypeOfferings = [] } = await attempt(this.#clients.ec2.send(command), what);
    return InstanceTypeOfferings.length > 0;
  }

  async #findTaken(interfaces: ReturnType<typeof interfacesToMake>): Promise<ReadonlyMap<string, string>> {
    const taken = new Map<string, string>();
    for (const one of interfaces) {
      const addresses = [one.privateIpAddress ?? [], one.secondaryIpAddresses].flat();
      for (const [name, values] of [
        ['addresses.private-ip-address', addresses],
        ['ipv6-addresses.ipv6-address', one.ipv6Addresses],
      ] as const) {
        if (values.length === 0) continue;
        const Filters = [
          { Name: 'subnet-id', Values: [one.subnetId] },
          { Name: name, Values: [...values] },
        ];
        const command = new DescribeNetworkInterfacesCommand({ Filters });
        const answer = await attempt(this.#clients.ec2.send(command), 'describing network interfaces');
        for (const found of answer.NetworkInterfaces ?? []) {
          const owner = found.Attachment?.InstanceId ?? found.NetworkInterfaceId ?? 'an interface';
          const theirs = [
            ...(found.PrivateIpAddresses ?? []).map(({ PrivateIpAddress }) => PrivateIpAddress),
            ...(found.Ipv6Addresses ?? []).map(({ Ipv6Address }) => Ipv6Address),
          ];
          for (const address of values) if (theirs.includes(address)) taken.set(address, owner);
        }
      }
    }
    return taken;
  }

  /**
   * Asks EC2 whether it would carry out a launch (`DryRun`): its permissions and what it names, not its capacity.
   * `no-image`: the AMI does not exist, without which EC2 says nothing.
   * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
   */
  async askToRun(
    request: RunInstancesRequest,
  ): Promise<'would-succeed' | 'no-image' | { readonly refusal: string }> {
    const what = `asking EC2 to launch from ${request.ImageId}`;
    const ordered = await this.#order(
      what,
      this.#clients.ec2.send(new RunInstancesCommand({ ...request, DryRun: true })),
    );
    if ('made' in ordered) return 'would-succeed';
    if (ordered.name === 'DryRunOperation') return 'would-succeed';
    return imageGone.has(ordered.name) ? 'no-image' : { refusal: ordered.refusal };
  }

  /** As {@link askToRun}, of registering an AMI. */
  async askToRegister(
    request: RegisterImageRequest,
  ): Promise<'would-succeed' | { readonly refusal: string }> {
    const command = new RegisterImageCommand({ ...request, DryRun: true });
    const ordered = await this.#order('asking EC2 to register an AMI', this.#clients.ec2.send(command));
    if ('made' in ordered || ordered.name === 'DryRunOperation') return 'would-succeed';
    return { refusal: ordered.refusal };
  }

  /** The account's own AMI of that name; there is one at most. */
  async findImage(name: string): Promise<RegisteredImage | undefined> {
    const command = new DescribeImagesCommand({
      Owners: ['self'],
      Filters: [{ Name: 'name', Values: [name] }],
    });
    const { Images = [] } = await attempt(this.#clients.ec2.send(command), 'describing AMIs');
    return Images[0] && toImage(Images[0]);
  }

  /** Registers an AMI. There is no token: who repeats it looks for the name first. @returns its id. */
  async registerImage(request: RegisterImageRequest): Promise<Ordered<string> | 'name-taken'> {
    const what = `registering AMI ${request.Name}`;
    const ordered = await this.#order(what, this.#clients.ec2.send(new RegisterImageCommand(request)));
    if (!('made' in ordered)) return ordered.name === 'InvalidAMIName.Duplicate' ? 'name-taken' : ordered;
    const { ImageId } = ordered.made;
    if (ImageId === undefined)
      throw new StoreUnavailableError(`${what} was answered without an id; repeat it`);
    return { made: ImageId };
  }

  /** Succeeds also when it is gone already. Its snapshots stay. */
  async deregisterImage(imageId: string): Promise<void> {
    try {
      await this.#clients.ec2.send(new DeregisterImageCommand({ ImageId: imageId }));
    } catch (error) {
      if (imageGone.has(errorName(error))) return;
      throw toEc2Error(error, `deregistering AMI ${imageId}`);
    }
  }

  /** Launches one instance; repeatable with the same token. @returns its id. */
  async runInstance(request: RunInstancesRequest): Promise<Ordered<string>> {
    const what = `launching from AMI ${request.ImageId}`;
    // Not by the client that repeats: EC2's lack of capacity is an error 500, which repeating does not mend.
    const sent = this.#clients.ec2WithoutRetries.send(new RunInstancesCommand(request));
    const ordered = await this.#order(what, sent);
    if (!('made' in ordered)) {
      if (!imageGone.has(ordered.name)) return ordered;
      // EC2's reads lag behind its writes.
      throw new StoreUnavailableError(`${what} did not succeed (${ordered.refusal}); try again later`);
    }
    const [instance] = ordered.made.Instances ?? [];
    if (instance?.InstanceId === undefined)
      throw new StoreUnavailableError(`${what} was answered without an instance; repeat it`);
    return { made: instance.InstanceId };
  }

  /** `undefined` for one that does not exist, or not yet. */
  async findInstance(instanceId: string): Promise<InstanceState | undefined> {
    return this.#findInstance('instance-id', instanceId);
  }

  /** The instance that an order with this token made, of which the answer may not have arrived; `undefined` as above. */
  async findLaunched(clientToken: string): Promise<InstanceState | undefined> {
    return this.#findInstance('client-token', clientToken);
  }

  async #findInstance(
    name: 'instance-id' | 'client-token',
    value: string,
  ): Promise<InstanceState | undefined> {
    const command = new DescribeInstancesCommand({ Filters: [{ Name: name, Values: [value] }] });
    const what = `describing the instance of ${name} ${value}`;
    const { Reservations = [] } = await attempt(this.#clients.ec2.send(command), what);
    const [instance] = Reservations.flatMap(({ Instances = [] }) => Instances);
    return instance && toInstanceState(instance);
  }

  /** Orders an instance to stop; one that is stopping already is left at it. */
  async stopInstance(instanceId: string): Promise<void> {
    const command = new StopInstancesCommand({ InstanceIds: [instanceId] });
    await attempt(this.#clients.ec2.send(command), `stopping instance ${instanceId}`);
  }

  async addTags(id: string, tags: Readonly<Record<string, string>>): Promise<void> {
    const Tags = fromTagRecord(tags);
    if (Tags.length === 0) return;
    await attempt(this.#clients.ec2.send(new CreateTagsCommand({ Resources: [id], Tags })), `tagging ${id}`);
  }

  /**
   * Tells EC2's refusal of an order, which only somebody can change, from what may pass.
   * @throws {@link StoreUnavailableError} EC2 throttled, failed or did not answer.
   */
  async #order<Answer>(
    what: string,
    answer: Promise<Answer>,
  ): Promise<{ readonly made: Answer } | { readonly name: string; readonly refusal: string }> {
    try {
      return { made: await answer };
    } catch (error) {
      const name = errorName(error);
      if (!(error instanceof Error) || isPassing(error)) throw toEc2Error(error, what);
      return {
        name,
        refusal: `${name}: ${error.message.replace(/\s*Encoded authorization failure message:.*$/s, '')}`,
      };
    }
  }
}

const imageGone: ReadonlySet<string> = new Set(['InvalidAMIID.NotFound', 'InvalidAMIID.Unavailable']);

async function attempt<Answer>(answer: Promise<Answer>, what: string): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    throw toEc2Error(error, what);
  }
}

function rulesOf({ IpPermissions = [], IpPermissionsEgress = [] }: SecurityGroup): number {
  return IpPermissions.length + IpPermissionsEgress.length;
}

function toImage(image: Image): RegisteredImage {
  return {
    imageId: image.ImageId ?? '',
    state: image.State ?? 'pending',
    platform: image.PlatformDetails,
    why: image.StateReason?.Message,
    tags: toTagRecord(image.Tags),
  };
}

function toInstanceState(instance: Instance): InstanceState {
  const devices = (instance.BlockDeviceMappings ?? []).flatMap(({ DeviceName, Ebs }) =>
    DeviceName === undefined || Ebs?.VolumeId === undefined ? [] : [[DeviceName, Ebs.VolumeId] as const],
  );
  return {
    instanceId: instance.InstanceId ?? '',
    state: instance.State?.Name ?? 'pending',
    type: instance.InstanceType ?? '',
    availabilityZone: instance.Placement?.AvailabilityZone ?? '',
    privateIpAddress: instance.PrivateIpAddress,
    publicIpAddress: instance.PublicIpAddress,
    why: instance.StateReason?.Message ?? instance.StateTransitionReason,
    volumes: new Map(devices),
  };
}
