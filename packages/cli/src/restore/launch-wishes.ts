import { Option } from '@commander-js/extra-typings';
import { InstanceWishes, type RestoreDestination } from '@holdfast/engine/model';
import { UsageError } from '../terminal/errors.ts';

export interface LaunchValues {
  readonly instance?: boolean | undefined;
  readonly ami?: string | undefined;
  readonly subnet?: string | undefined;
  readonly securityGroup?: readonly string[] | undefined;
  readonly type?: string | undefined;
  readonly key?: string | boolean | undefined;
  readonly profile?: string | boolean | undefined;
  readonly userData: boolean;
  readonly network: boolean;
  readonly keepAddress?: boolean | undefined;
  readonly stopped?: boolean | undefined;
}

export const securityGroupOption = new Option(
  '--security-group <id>',
  'of its interface, in place of its own; may be repeated',
).argParser((id: string, before?: readonly string[]) => [...(before ?? []), id]);

/**
 * Finds the machine that the options ask for: launched again, or as an AMI.
 * @throws {@link UsageError} an option goes with `--instance` only, or is not what it should be.
 */
export function findLaunch(values: LaunchValues): Pick<RestoreDestination, 'instance' | 'ami'>[] {
  const wishes = wishesOf(values);
  if (values.instance !== true) {
    const [given] = Object.entries(wishes).find(([, value]) => value !== undefined) ?? [];
    if (given !== undefined) throw new UsageError(`${optionOf(given)} goes with --instance only`);
  }
  const asked: Pick<RestoreDestination, 'instance' | 'ami'>[] = [];
  if (values.ami !== undefined) asked.push({ ami: { name: values.ami } });
  if (values.instance !== true) return asked;
  const parsed = InstanceWishes.safeParse(wishes);
  if (parsed.success) return [...asked, { instance: wishes }];
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${optionOf(String(path[0]))} is not right: ${message}`,
  );
  throw new UsageError(problems.join('; '));
}

function wishesOf(values: LaunchValues): InstanceWishes {
  const { subnet, securityGroup, type, key, profile } = values;
  return {
    subnet,
    securityGroups: securityGroup === undefined ? undefined : [...securityGroup],
    type,
    keyName: key === true ? undefined : key,
    iamInstanceProfile: profile === true ? undefined : profile,
    userData: values.userData ? undefined : false,
    network: values.network ? undefined : false,
    privateAddress: values.keepAddress === true ? 'keep' : undefined,
    stopped: values.stopped === true ? true : undefined,
  };
}

function optionOf(wish: string): string {
  const names: Readonly<Record<string, string>> = {
    securityGroups: '--security-group',
    keyName: '--key or --no-key',
    iamInstanceProfile: '--profile or --no-profile',
    userData: '--no-user-data',
    network: '--no-network',
    privateAddress: '--keep-address',
  };
  return names[wish] ?? `--${wish}`;
}
