import type { Ec2Launches, InstanceState, LaunchFacts, RegisteredImage } from '@holdfast/aws';
import { StoreUnavailableError } from '@holdfast/engine';

type RunRequest = Parameters<Ec2Launches['runInstance']>[0];
type RegisterRequest = Parameters<Ec2Launches['registerImage']>[0];
type Tags = Record<string, string>;

/** EC2 in memory as far as launches need it: AMIs by name, instances by token, and both only after a while. */
export class MemoryLaunches implements Pick<Ec2Launches, keyof Ec2Launches> {
  facts: LaunchFacts = {
    subnets: new Map([['subnet-1', { vpcId: 'vpc-1', availabilityZone: 'us-east-1a' }]]),
    groups: new Map([['sg-1', { vpcId: 'vpc-1', rules: 2 }]]),
    groupsWithoutRules: [],
    keyExists: true,
    takenAddresses: new Map(),
    isTypeOffered: true,
  };
  /** EC2's answer to DryRun. */
  dryRun: Awaited<ReturnType<Ec2Launches['askToRun']>> = 'would-succeed';
  imageState = 'available';
  platform: string | undefined = 'Linux/UNIX';
  instanceState = 'running';
  why: string | undefined;
  /** EC2's refusal of the launch itself. */
  refusal: string | undefined;
  /** Instances do not show yet. */
  isHidden = false;
  /** Orders whose answers are lost from now on. */
  lostAnswers = 0;
  readonly registered: RegisterRequest[] = [];
  readonly launched: RunRequest[] = [];
  readonly asked: RunRequest[] = [];
  readonly tags = new Map<string, Tags>();
  /** AMIs that exist, by name. */
  readonly images = new Map<string, string>();
  readonly #instances = new Map<string, string>();

  async findFacts(): Promise<LaunchFacts> {
    return Promise.resolve(this.facts);
  }

  async askToRun(request: RunRequest): ReturnType<Ec2Launches['askToRun']> {
    this.asked.push(request);
    return Promise.resolve(this.dryRun);
  }

  async askToRegister(): ReturnType<Ec2Launches['askToRegister']> {
    return Promise.resolve('would-succeed');
  }

  async findImage(name: string): Promise<RegisteredImage | undefined> {
    await Promise.resolve();
    const imageId = this.images.get(name);
    if (imageId === undefined) return undefined;
    const { platform, imageState: state } = this;
    return { imageId, state, platform, tags: this.tags.get(imageId) ?? {} };
  }

  async registerImage(request: RegisterRequest): ReturnType<Ec2Launches['registerImage']> {
    await Promise.resolve();
    const name = request.Name ?? '';
    if (this.images.has(name)) return 'name-taken';
    this.registered.push(request);
    const imageId = `ami-new-${this.registered.length}`;
    this.images.set(name, imageId);
    this.tags.set(imageId, toTags(request.TagSpecifications?.[0]?.Tags));
    this.#loseAnswer();
    return { made: imageId };
  }

  async deregisterImage(imageId: string): Promise<void> {
    await Promise.resolve();
    for (const [name, id] of this.images) if (id === imageId) this.images.delete(name);
  }

  async runInstance(request: RunRequest): ReturnType<Ec2Launches['runInstance']> {
    await Promise.resolve();
    if (this.refusal !== undefined) return { refusal: this.refusal };
    const token = request.ClientToken ?? '';
    const known = this.#instances.get(token);
    if (known !== undefined) return { made: known };
    this.launched.push(request);
    const instanceId = `i-new-${this.launched.length}`;
    this.#instances.set(token, instanceId);
    this.tags.set(instanceId, toTags(request.TagSpecifications?.[0]?.Tags));
    this.#loseAnswer();
    return { made: instanceId };
  }

  async findLaunched(clientToken: string): Promise<InstanceState | undefined> {
    const instanceId = this.isHidden ? undefined : this.#instances.get(clientToken);
    return instanceId === undefined ? undefined : this.findInstance(instanceId);
  }

  async findInstance(instanceId: string): Promise<InstanceState | undefined> {
    await Promise.resolve();
    return {
      instanceId,
      state: this.instanceState,
      type: this.launched[0]?.InstanceType ?? '',
      availabilityZone: 'us-east-1a',
      privateIpAddress: '10.0.0.9',
      why: this.why,
      volumes: new Map([
        ['/dev/xvda', 'vol-new-1'],
        ['/dev/xvdb', 'vol-new-2'],
      ]),
    };
  }

  async stopInstance(): Promise<void> {
    await Promise.resolve();
    this.instanceState = 'stopping';
  }

  async addTags(id: string, tags: Readonly<Tags>): Promise<void> {
    await Promise.resolve();
    this.tags.set(id, { ...this.tags.get(id), ...tags });
  }

  #loseAnswer(): void {
    if (this.lostAnswers === 0) return;
    this.lostAnswers -= 1;
    throw new StoreUnavailableError('the order did not succeed (socket hang up); try again later');
  }
}

function toTags(list: readonly { Key?: string | undefined; Value?: string | undefined }[] = []): Tags {
  return Object.fromEntries(list.map(({ Key = '', Value = '' }) => [Key, Value]));
}
