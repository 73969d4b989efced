import type { MachineName } from '@holdfast/engine/model';

/** Objects of the vault, by what their names begin with. */
type VaultPlace = 'format.json' | `${'keys' | 'packs' | 'pages' | 'containers' | 'points' | 'audit'}/*`;

type WorkPlace = `${'cycles' | 'runs' | 'restores' | 'maintenance' | 'checks' | 'executions'}/*`;

interface VaultNeeds {
  /**
   * `names`: which objects there are, and the vault's clock. `sealed`: also the objects, which nobody opens without the
   * key. `opened`: also the key.
   */
  readonly read: 'names' | 'sealed' | 'opened';
  /** Storing new objects at these places, and extending locks anywhere. */
  readonly write?: readonly VaultPlace[];
  readonly createKeys?: true;
  /** Extending locks anywhere, and nothing else. */
  readonly renew?: true;
  /** Switching S3's legal hold on. */
  readonly hold?: true;
  /** Seeing S3's legal hold at these places; without it, reading a version's state leaves that out. */
  readonly seeHolds?: readonly VaultPlace[];
  /** Removing versions whose locks have ended at these places, S3's legal hold switched off before. */
  readonly sweep?: readonly VaultPlace[];
  /** Making archived containers readable for some days. */
  readonly thaw?: true;
  readonly audit?: true;
}

/**
 * A step's needs of the world. Each need yields the function's variables ({@link variablesOf}), its rights
 * (`lib/functions/step-rights.ts`), the part of the vault's policy that names its role, and the services that its code
 * is given (`services.ts`): nobody writes one of them by hand.
 */
export interface Needs {
  readonly vault?: VaultNeeds;
  readonly work?: { readonly read: WorkPlace } | { readonly use: WorkPlace | readonly WorkPlace[] };
  readonly catalog?: 'read' | 'use';
  /** `forget`: taking out what has been swept. */
  readonly index?: 'use' | 'forget';
  readonly metrics?: true;
  readonly plans?: true;
  /** All of what is deployed, for the record. */
  readonly configuration?: true;
  /** `find`: what is tagged. `list`: names of files, and a source's clock. `read`: content, too. */
  readonly sources?: 'find' | 'list' | 'read';
  /** The buckets that restores may write to. `look`: whether they are there. `end-uploads`: what restores left unfinished. */
  readonly targets?: 'look' | 'write' | 'end-uploads';
  /**
   * EC2. `see` snapshots; `plan` with them, and with the zones that there are; `take` those of tagged machines; `seal`
   * what else a machine's point has of it; `release` snapshots that are needed no more, and lock others; `remove`
   * snapshots of runs; `restore` volumes out of them; `launch` machines; `clear` away snapshots that restores wrote, and AMIs.
   */
  readonly images?: 'see' | 'plan' | 'take' | 'seal' | 'release' | 'remove' | 'restore' | 'launch' | 'clear';
  /**
   * Blocks of the snapshots of runs. `list`: those of one, and what differs between two. `look`: those of one, with their
   * content, as files are looked for. `read`: all of that.
   */
  readonly blocks?: 'list' | 'look' | 'read';
  /** Snapshots that restores write by the block. `write`: reading those that they are compared with, too. */
  readonly snapshots?: 'start' | 'write' | 'complete';
  /** Records that all workers share: rates of calls, and turns. */
  readonly shared?: true;
  /** Reporting to the catalog how far a worker is. */
  readonly progress?: true;
  /** The names of the deployment's own buckets, which are neither backed up nor restored into. */
  readonly ownBuckets?: true;
  /** State machines: to `start` one, to learn when it last succeeded (`recall`), or to `follow` what became of executions. */
  readonly machines?: Partial<Record<MachineName, 'start' | 'recall' | 'follow'>>;
  /** Counting events that could not be delivered. */
  readonly deadLetters?: 'count';
}

interface StepRow {
  readonly needs: Needs;
  /** A new account gets at most 3,008. @default 256 */
  readonly memoryMegabytes?: number;
  /** Longest a call may take; Lambda allows 15. @default 1 */
  readonly minutes?: number;
  /** Called by schedules and events, which nobody waits for: what failed three times is set aside. */
  readonly isCalledByEvents?: true;
}

export type StepRows = Readonly<Record<string, StepRow>>;

export type Variable =
  | 'VAULT_BUCKET'
  | 'KMS_KEY_ARN'
  | 'LOCK_MODE'
  | 'WORK_BUCKET'
  | 'CATALOG_TABLE'
  | 'CHUNK_INDEX_TABLE'
  | 'METRICS_NAMESPACE'
  | 'CONFIGURATION'
  | 'DEAD_LETTER_QUEUE'
  | 'BLOCK_QUOTA'
  | 'OWN_BUCKETS'
  | MachineVariable;
export type MachineVariable = `${Uppercase<MachineName>}_MACHINE_ARN`;

/** The variables that a function is told, in no order. */
export function variablesOf(needs: Needs): readonly Variable[] {
  const {
    vault,
    work,
    catalog,
    index,
    metrics,
    shared,
    progress,
    blocks,
    snapshots,
    machines = {},
    deadLetters,
    ownBuckets,
  } = needs;
  const names: (Variable | false)[] = [
    vault !== undefined && 'VAULT_BUCKET',
    vault?.read === 'opened' && 'KMS_KEY_ARN',
    setsLocks(needs) && 'LOCK_MODE',
    work !== undefined && 'WORK_BUCKET',
    (catalog !== undefined || shared === true || progress === true) && 'CATALOG_TABLE',
    index !== undefined && 'CHUNK_INDEX_TABLE',
    metrics === true && 'METRICS_NAMESPACE',
    isConfigured(needs) && 'CONFIGURATION',
    shared === true && (blocks ?? snapshots) !== undefined && 'BLOCK_QUOTA',
    deadLetters !== undefined && 'DEAD_LETTER_QUEUE',
    ownBuckets === true && 'OWN_BUCKETS',
    ...(Object.keys(machines) as MachineName[]).map(machineVariable),
  ];
  return names.filter((name) => name !== false);
}

/** True also of a step that only extends locks. */
function setsLocks({ vault = { read: 'names' }, images }: Needs): boolean {
  if (images === 'release') return true;
  return vault.write !== undefined || vault.renew === true || vault.hold === true || vault.audit === true;
}

/** True of a step that works by the deployed configuration. */
export function isConfigured({ plans, configuration, sources, targets, vault }: Needs): boolean {
  return (
    plans === true ||
    configuration === true ||
    sources !== undefined ||
    targets === 'look' ||
    targets === 'write' ||
    vault?.createKeys === true
  );
}

export function machineVariable(name: MachineName): MachineVariable {
  return `${name.toUpperCase() as Uppercase<MachineName>}_MACHINE_ARN`;
}
