import {
  DeleteStackCommand,
  DescribeStacksCommand,
  UpdateTerminationProtectionCommand,
  waitUntilStackDeleteComplete,
  type CloudFormationClient,
  type Stack,
} from '@aws-sdk/client-cloudformation';

/** In this order, as each stack uses what the next one has. */
const stackNames = ['HoldfastMonitoring', 'HoldfastPipeline', 'HoldfastStorage'] as const;

const deletionSeconds = 3600;

export interface DestroyDeploymentOptions {
  readonly cloudFormation: CloudFormationClient;
  /** Asks a person; nothing is removed unless the answer is true. */
  readonly confirm: (question: string) => Promise<boolean>;
  readonly log: (line: string) => void;
}

export class DestroyError extends Error {
  override readonly name = 'DestroyError';
}

/**
 * Removes the stacks of a deployment as `cdk destroy` does, the protected one included, and tells what stays: how to
 * deploy again onto the vault, and how to read it without Holdfast. Can be repeated after a failure.
 * @returns false when nobody confirmed it.
 * @throws {@link DestroyError} nothing is deployed here, or a stack could not be deleted.
 */
export async function destroyDeployment(options: DestroyDeploymentOptions): Promise<boolean> {
  const { cloudFormation, confirm, log } = options;
  const stacks: Stack[] = [];
  for (const name of stackNames) {
    const stack = await findStack(cloudFormation, name);
    if (stack !== undefined) stacks.push(stack);
  }
  if (stacks.length === 0) {
    const region = await cloudFormation.config.region();
    throw new DestroyError(
      `region ${region} has none of the stacks ${stackNames.join(', ')}; check AWS_REGION and whose credentials these are`,
    );
  }
  const kept = describeKept(Object.assign({}, ...stacks.map(outputsOf)) as Outputs);
  log(kept.join('\n'));
  const names = stacks.map(({ StackName }) => StackName).join(', ');
  if (!(await confirm(`remove ${names}? backups then no longer run; what is listed above stays`)))
    return false;
  for (const stack of stacks) {
    log(`removing ${stack.StackName}`);
    await removeStack(cloudFormation, stack);
  }
  // Said once more, as a person now needs it last on the screen.
  log(['removed', ...kept].join('\n'));
  return true;
}

type Outputs = Readonly<Record<string, string | undefined>>;

/**
 * Lines for a person about what destroying a deployment leaves, and what can be done with it.
 * @param outputs - of HoldfastStorage; without them only the place where this is explained.
 */
export function describeKept(outputs: Outputs): readonly string[] {
  const {
    VaultBucketName,
    KeyArn,
    CatalogTableName,
    ChunkIndexTableName,
    WorkBucketName,
    TrailLogBucketName,
  } = outputs;
  const read = [
    'To read the vault with nothing of Holdfast: docs/format.md describes every byte, and the first requests are in',
    '  docs/operations.md, "Reading the vault without Holdfast".',
  ];
  if (!VaultBucketName || !KeyArn || !CatalogTableName || !ChunkIndexTableName) {
    return ['HoldfastStorage is not deployed here any more; what it kept is still there.', ...read];
  }
  return [
    'These stay, and are complete without Holdfast:',
    `  vault          s3://${VaultBucketName}`,
    `  key            ${KeyArn} (kms:Decrypt on it opens the vault; deleting it loses every backup)`,
    `  catalog        ${CatalogTableName}`,
    `  chunk index    ${ChunkIndexTableName}`,
    ...(WorkBucketName ? [`  working files  s3://${WorkBucketName} (each expires after 14 days)`] : []),
    ...(TrailLogBucketName
      ? [`  trail's log    s3://${TrailLogBucketName} (each expires after 400 days)`]
      : []),
    'To deploy again onto this vault, put this into the plans file first:',
    '  existingVault: {',
    `    bucketName: '${VaultBucketName}',`,
    `    keyArn: '${KeyArn}',`,
    `    catalogTable: '${CatalogTableName}',`,
    `    chunkIndexTable: '${ChunkIndexTableName}',`,
    '  },',
    'To restore from this machine, with the vault and its key alone:',
    `  npx holdfast extract s3://${VaultBucketName} --list`,
    `  npx holdfast extract s3://${VaultBucketName} <point> --to <folder>`,
    ...read,
    `  aws s3 cp s3://${VaultBucketName}/format.json -`,
  ];
}

async function findStack(
  cloudFormation: CloudFormationClient,
  StackName: string,
): Promise<Stack | undefined> {
  try {
    return (await cloudFormation.send(new DescribeStacksCommand({ StackName }))).Stacks?.[0];
  } catch (error) {
    // CloudFormation has no error of its own for a stack that is not there.
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined;
    throw error;
  }
}

function outputsOf({ Outputs = [] }: Stack): Outputs {
  return Object.fromEntries(
    Outputs.flatMap(({ OutputKey, OutputValue }) =>
      OutputKey === undefined ? [] : [[OutputKey, OutputValue]],
    ),
  );
}

async function removeStack(
  client: CloudFormationClient,
  { StackId, StackName, EnableTerminationProtection }: Stack,
): Promise<void> {
  const protect = async (on: boolean): Promise<void> => {
    await client.send(new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: on }));
  };
  if (EnableTerminationProtection === true) await protect(false);
  try {
    await client.send(new DeleteStackCommand({ StackName }));
    await waitUntilStackDeleteComplete(
      { client, maxWaitTime: deletionSeconds, minDelay: 2, maxDelay: 10 },
      { StackName: StackId },
    );
  } catch (error) {
    // Its protection comes back before anybody hears of the failure, which says more than a failure to protect.
    if (EnableTerminationProtection === true) await protect(true).catch(() => {});
    const reason = await findStack(client, StackName ?? '').then(
      (stack) => stack?.StackStatusReason ?? stack?.StackStatus,
      () => undefined,
    );
    throw new DestroyError(
      `${StackName} could not be removed (${reason ?? 'no reason given'}); look at its events in CloudFormation, then run this again`,
      { cause: error },
    );
  }
}
