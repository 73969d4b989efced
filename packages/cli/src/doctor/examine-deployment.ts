import { BackupError, verifyVaultFiles } from '@holdfast/engine';
import type { ProtectionFact } from '@holdfast/aws/inventory';
import type { Connection } from '../deployment/connection.ts';
import type { CommandContext } from '../terminal/command.ts';
import { countText, durationText } from '../terminal/text.ts';

/** `attention`: something is not as it must be; `unknown`: the caller may not look, or nothing tells. */
type CheckState = 'good' | 'attention' | 'unknown';

export interface CheckResult {
  readonly what: string;
  readonly state: CheckState;
  /** The finding, and for all but `good` what to do. */
  readonly finding: string;
}

type Finding = Omit<CheckResult, 'what'>;

const good = (finding: string): Finding => ({ state: 'good', finding });
const attention = (finding: string): Finding => ({ state: 'attention', finding });
const unknown = (finding: string): Finding => ({ state: 'unknown', finding });

/** Time within which maintenance has to have ended: it is daily, and may take long. */
const maintenanceHours = 36;
/** Functions besides workers: of cycles, maintenance and watching. */
const otherFunctions = 10;

/** Looks at everything around the data that has to be right: each check by itself, so that a refusal hides no other. */
export async function* examineDeployment(
  connection: Connection,
  version: string,
  { clock }: Pick<CommandContext, 'clock'>,
): AsyncGenerator<CheckResult> {
  const { deployment, services, executions } = connection;
  yield await check('version', async () => {
    const deployed = await deployment.findVersion();
    if (deployed === undefined)
      return unknown('the deployment does not tell its version: deploy again, with this program');
    if (deployed === version) return good(`program and deployment are ${version}`);
    return attention(
      `the program is ${version}, and ${deployed} is deployed: use the program of that version, or deploy this one`,
    );
  });
  yield await check('configuration', async () => {
    const plans = await deployment.findPlans();
    if (plans === undefined)
      return unknown('it may not be read, or is of another version: allow s3:GetObject on ConfigurationUrl');
    return good(`${countText(plans.length, 'plan')}: ${plans.map(({ name }) => name).join(', ')}`);
  });
  yield await check('vault', async () => {
    const losses = await verifyVaultFiles(services);
    const [first] = losses;
    if (first === undefined) return good('its format and all its keys can be read');
    return attention(`${countText(losses.length, 'file')} of it damaged: ${first.message}`);
  });
  for (const fact of await deployment.readProtection()) yield { what: fact.what, ...judgeFact(fact) };
  yield await check('functions at once', async () => {
    const workers = await deployment.findWorkers();
    const { limit, unreserved } = await deployment.readFunctionsAtOnce();
    const needed = (workers ?? 0) + otherFunctions;
    if (unreserved >= needed) return good(`${unreserved} of ${limit} are free for ${needed} of Holdfast`);
    return attention(
      `${unreserved} may run, and ${workers} workers need about ${needed}: raise the quota "Concurrent executions" of Lambda, ` +
        'or lower workers in the plans file',
    );
  });
  yield await check('alarms', async () => {
    const subscriptions = await deployment.readSubscriptions();
    if (subscriptions === undefined)
      return unknown('no topic is among the outputs of HoldfastMonitoring or of the pipeline stack');
    const { confirmed, pending } = subscriptions;
    if (pending > 0)
      return attention(`${countText(pending, 'subscription')} not confirmed: follow the link in the mail`);
    if (confirmed === 0) return attention('nobody is told of them: subscribe to the topic AlarmTopicArn');
    return good(countText(confirmed, 'confirmed subscription'));
  });
  yield await check('maintenance', async () => {
    const [last] = await executions.list('maintenance', 1);
    if (last === undefined) return unknown('it has not run yet; it does once a day');
    const hours = (clock.now().getTime() - last.startedAt.getTime()) / 3_600_000;
    if (last.status !== 'succeeded' && last.status !== 'running')
      return attention(`the last one has ${last.status}: see docs/runbook.md, and run "holdfast maintain"`);
    if (hours > maintenanceHours)
      return attention(`the last one began ${durationText(hours * 3600)} ago: is its schedule enabled?`);
    return good(
      `the last one began ${durationText(hours * 3600)} ago and ${last.status === 'running' ? 'runs' : 'succeeded'}`,
    );
  });
}

async function check(what: string, look: () => Promise<Finding>): Promise<CheckResult> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return { what, ...unknown(error.message) };
  }
}

/** Judges what AWS answered about how the vault is protected; what policies say is for people to read, in `evidence`. */
export function judgeFact({ what, value, problem: refusal }: ProtectionFact): Finding {
  if (refusal !== undefined) return unknown(refusal);
  const has = (value ?? {}) as Record<string, unknown>;
  switch (what) {
    case 'object lock of the bucket':
      return has['ObjectLockEnabled'] === 'Enabled'
        ? good('enabled')
        : attention('not enabled: objects of this vault can be deleted; make a new vault');
    case 'versions of the bucket':
      return has['Status'] === 'Enabled'
        ? good('enabled')
        : attention(`${textOf(has['Status'])}: enable versioning of the bucket`);
    case 'public access to the bucket': {
      const open = Object.entries(has).filter(([, isBlocked]) => isBlocked !== true);
      return open.length === 0 && Object.keys(has).length > 0
        ? good('blocked')
        : attention('not blocked in every way: block all public access to the bucket');
    }
    case 'key of the vault':
      return has['KeyState'] === 'Enabled'
        ? good('enabled')
        : attention(
            `${textOf(has['KeyState'])}: nothing can be restored without it; cancel its deletion, or enable it`,
          );
    case 'trails over the bucket': {
      const trails = (value ?? []) as readonly {
        readonly IsLogging?: boolean;
        readonly LatestDeliveryError?: string;
        readonly problem?: string;
      }[];
      const [hidden] = trails.flatMap(({ problem }) => problem ?? []);
      const known = trails.filter(({ problem }) => problem === undefined);
      if (known.length === 0 && hidden !== undefined) return unknown(hidden);
      if (known.length === 0)
        return attention('none records deletes in the vault: deploy HoldfastMonitoring');
      const silent = known.filter(
        ({ IsLogging, LatestDeliveryError }) => IsLogging !== true || LatestDeliveryError,
      );
      return silent.length === 0
        ? good(`${known.length} at work`)
        : attention(`${silent.length} of ${known.length} stopped, or cannot deliver: see CloudTrail`);
    }
    default:
      return value === null || value === undefined
        ? attention('there is none: deploy HoldfastStorage again')
        : good('there is one');
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'not enabled';
}
