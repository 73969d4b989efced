import {
  type Ec2Launches,
  judgeLaunch,
  type MachineConfiguration,
  registerRequest,
  runRequest,
} from '@holdfast/aws';
import type { InstanceWishes, LaunchCheck } from '@holdfast/engine/model';
import { idsOf, RESTORE_TAG, restoreTags } from './launch-tags.ts';
import type { ReadySnapshot } from './ready-snapshots.ts';
import type { RestoreJob } from './restore-job.ts';

export interface Launching {
  readonly job: RestoreJob;
  readonly target: Extract<RestoreJob['target'], { kind: 'instance' | 'ami' }>;
  readonly machine: MachineConfiguration;
  /** By volume; `undefined` while they are not complete, or not written yet. */
  readonly snapshots: ReadonlyMap<string, ReadySnapshot> | undefined;
}

/**
 * Says before anything is made what stands in the way of a launch: by looking at all that it names, and by asking EC2
 * with its own `DryRun`. Of capacity only the launch itself tells.
 */
export async function checkLaunch(
  launches: Pick<Ec2Launches, 'findFacts' | 'findImage' | 'askToRun' | 'askToRegister'>,
  launching: Launching,
): Promise<LaunchCheck> {
  const { target, machine } = launching;
  const unlicensed = unlicensedRoot(launching);
  if (target.kind === 'ami') {
    const taken = await launches.findImage(target.name);
    const problems =
      taken === undefined
        ? []
        : [`the name ${target.name} is that of AMI ${taken.imageId}; choose another, or deregister that one`];
    const known = { problems: [...problems, ...unlicensed], differences: [], unknown: [] };
    return addAnswers(known, await askToRegister(launches, launching));
  }
  const { wishes, roles } = target;
  const facts = await launches.findFacts(machine, wishes);
  const { problems, differences } = judgeLaunch(machine, wishes, facts, roles);
  const judged = { problems: [...problems, ...unlicensed], differences, unknown: [] };
  // EC2 names one problem at a time, and these are among them.
  if (judged.problems.length > 0) return judged;
  const answers = [await askToRegister(launches, launching), await askToRun(launches, machine, wishes)];
  const type = wishes.type ?? machine.instanceType;
  return addAnswers(judged, ...answers, {
    unknown: [`whether there is capacity for an instance of type ${type}: only launching it tells`],
  });
}

/** A snapshot that is written out of the vault never has a license: nobody has to wait for it to learn that. */
function unlicensedRoot({ target, machine }: Launching): string[] {
  const root = machine.volumes.find(({ device }) => device === machine.rootDeviceName)?.volumeId;
  if (!target.written.some(({ volume }) => volume === root)) return [];
  return [lackOfBilling(machine.platform, undefined) ?? []].flat();
}

interface Answer {
  readonly problems?: readonly string[];
  readonly unknown?: readonly string[];
}

function addAnswers(check: LaunchCheck, ...answers: readonly Answer[]): LaunchCheck {
  return {
    ...check,
    problems: [...check.problems, ...answers.flatMap(({ problems = [] }) => problems)],
    unknown: [...check.unknown, ...answers.flatMap(({ unknown = [] }) => unknown)],
  };
}

async function askToRegister(
  launches: Pick<Ec2Launches, 'askToRegister'>,
  { job, target, machine, snapshots }: Launching,
): Promise<Answer> {
  if (snapshots === undefined) {
    const why =
      target.written.length > 0
        ? 'snapshots are written out of the vault first'
        : 'a snapshot is not complete';
    return { unknown: [`whether an AMI can be registered: ${why}`] };
  }
  const order = { name: `holdfast-${job.restoreId}`, description: '', tags: restoreTags(job) };
  const answer = await launches.askToRegister(registerRequest(machine, idsOf(snapshots), order));
  return answer === 'would-succeed' ? {} : { problems: [`EC2 registers no AMI of it (${answer.refusal})`] };
}

async function askToRun(
  launches: Pick<Ec2Launches, 'askToRun'>,
  machine: MachineConfiguration,
  wishes: InstanceWishes,
): Promise<Answer> {
  const order = { imageId: machine.imageId, clientToken: 'dry-run', tags: asked, tagsOfParts: asked };
  const answer = await launches.askToRun(runRequest(machine, wishes, order));
  if (answer === 'would-succeed') return {};
  if (answer === 'no-image')
    return {
      unknown: [
        `whether EC2 takes the launch: it is asked with the AMI that the machine was launched from, and ${machine.imageId} does not exist any more`,
      ],
    };
  return { problems: [refusedLaunch(answer.refusal)] };
}

const asked = { [RESTORE_TAG]: 'dry-run' };

/** EC2's refusal with what to do about it, as far as that is known. */
export function refusedLaunch(refusal: string): string {
  const remedy = /iam:PassRole/i.test(refusal)
    ? '; name the role of its instance profile in restoreTargets.roles and deploy, or launch it without: iamInstanceProfile false (--no-profile)'
    : /Insufficient\w*Capacity/.test(refusal)
      ? '; try again later, name another type (--type), or a subnet in another zone (--subnet)'
      : '';
  return `EC2 does not launch it (${refusal})${remedy}`;
}

/**
 * An AMI is billed by what its snapshot says of it, which a snapshot that was written anew does not. AWS says to discard
 * an AMI that lacks it.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
 */
export function lackOfBilling(was: string | undefined, is: string | undefined): string | undefined {
  if (was === undefined || was === 'Linux/UNIX' || was === is) return undefined;
  return (
    `an AMI of its snapshots is ${is ?? 'not'} billed as ${was}, so it would have no license: launch an instance from the ` +
    "vendor's AMI, make volumes of the point, and put them in place of its own"
  );
}
