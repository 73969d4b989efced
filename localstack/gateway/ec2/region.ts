import { randomBytes } from 'node:crypto';
import type { BlockFiles } from './block-files.ts';
import {
  defaultGroup,
  defaultSubnets,
  type KeyPair,
  type NetworkInterface,
  type SecurityGroup,
  type Subnet,
} from './network/network.ts';
import type { XmlStructure } from './query-protocol.ts';
import type { Ec2Settings } from './settings.ts';
import { TagHistory } from './tag-history.ts';

interface Attachment {
  readonly instanceId: string;
  readonly device: string;
  readonly attachedAt: Date;
  deleteOnTermination: boolean;
}

interface Described {
  /** Rises with every resource of the region; pages are ordered by it. */
  readonly sequence: number;
  readonly createdAt: Date;
}

export interface Volume extends Described {
  readonly volumeId: string;
  /** Shared with the snapshot that it was made of, and with its own snapshots, while the key stays the same. */
  readonly lineage: string;
  readonly sizeGiB: number;
  readonly snapshotId: string;
  readonly availabilityZone: string;
  readonly volumeType: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly iops?: number;
  readonly throughputMiB?: number;
  readonly isMultiAttach?: boolean;
  /** State in which the volume ends instead of `available`. */
  readonly fate?: 'error' | 'lost';
  attachment?: Attachment;
}

export interface Snapshot extends Described {
  readonly snapshotId: string;
  readonly volumeId: string;
  readonly volumeSizeGiB: number;
  readonly description: string;
  readonly encrypted: boolean;
  readonly kmsKeyId?: string;
  readonly lineage: string;
  readonly pendingSince: Date;
  readonly completesAt: Date;
  readonly fails: boolean;
  /** Present while blocks are written into it by EBS direct calls. */
  readonly writing?: SnapshotWriting;
  readonly lock?: { readonly mode: string; readonly createdAt: Date; readonly until: Date };
}

/** A snapshot between StartSnapshot and CompleteSnapshot. */
export interface SnapshotWriting {
  readonly parentId?: string;
  /** Milliseconds without a call after which it ends in `error`. */
  readonly timeoutMs: number;
  /** SHA-256 of the blocks that were put, by their index. */
  readonly checksums: Map<number, Uint8Array>;
  usedAt: Date;
  progressPercent: number;
}

export interface Instance extends Described {
  readonly instanceId: string;
  readonly reservationId: string;
  readonly clientToken?: string;
  readonly imageId: string;
  readonly instanceType: string;
  readonly availabilityZone: string;
  readonly rootDeviceName: string;
  readonly architecture: string;
  readonly ebsOptimized: boolean;
  readonly keyName?: string;
  readonly instanceProfile?: string;
  readonly userData?: string;
  readonly disableApiTermination: boolean;
  readonly disableApiStop: boolean;
  readonly shutdownBehavior: string;
  readonly cpuCredits?: string;
  /** Elements of its description that nothing here acts on, as the launch asked for them. */
  readonly options: XmlStructure;
  readonly runsAt: Date;
  /** Reason for which it ends instead of running. */
  readonly failure?: { readonly code: string; readonly message: string };
  stopsAt?: Date;
  terminatesAt?: Date;
}

/** One device of an image: a snapshot, or an empty volume. */
export interface ImageDevice {
  readonly deviceName: string;
  readonly snapshotId?: string;
  readonly sizeGiB: number;
  readonly volumeType: string;
  readonly iops?: number;
  readonly throughputMiB?: number;
  readonly deleteOnTermination: boolean;
}

export interface Image extends Described {
  readonly imageId: string;
  readonly name: string;
  readonly description?: string;
  readonly architecture: string;
  readonly bootMode?: string;
  readonly imdsSupport?: string;
  readonly tpmSupport?: string;
  readonly enaSupport: boolean;
  readonly rootDeviceName: string;
  readonly devices: readonly ImageDevice[];
  readonly availableAt: Date;
}

export class Ec2Region {
  readonly accountId: string;
  readonly name: string;
  readonly volumes = new Map<string, Volume>();
  readonly snapshots = new Map<string, Snapshot>();
  readonly instances = new Map<string, Instance>();
  readonly images = new Map<string, Image>();
  readonly subnets: Map<string, Subnet>;
  readonly securityGroups: Map<string, SecurityGroup>;
  readonly networkInterfaces = new Map<string, NetworkInterface>();
  readonly keyPairs = new Map<string, KeyPair>();
  readonly tags = new TagHistory();
  /** Ids that calls with a client token made, so that a repetition answers the same. */
  readonly clientTokens = new Map<string, { readonly request: string; readonly madeId: string }>();
  #sequence = 0;

  constructor(accountId: string, name: string) {
    this.accountId = accountId;
    this.name = name;
    this.subnets = defaultSubnets(accountId, name);
    this.securityGroups = defaultGroup(accountId, name);
  }

  nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }
}

export interface Ec2Context {
  readonly region: Ec2Region;
  readonly settings: Ec2Settings;
  readonly contents: BlockFiles;
  readonly now: Date;
}

export function newResourceId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`;
}

export function later(time: Date, milliseconds: number): Date {
  return new Date(time.getTime() + milliseconds);
}
