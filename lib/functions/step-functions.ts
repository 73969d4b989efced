import type { MachineName } from '@holdfast/engine/model';
import { Duration, Stack } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import {
  type MachineVariable,
  machineVariable,
  type StepRows,
  type Variable,
  variablesOf,
} from '../../lambdas/runtime/needs.ts';
import { constructIdOf } from './construct-id.ts';
import { PipelineFunction } from './pipeline-function.ts';
import { METRICS_NAMESPACE } from '../metrics.ts';
import { stepRights, type StepWorld } from './step-rights.ts';

export interface StepFunctionsProps extends StepWorld {
  /** Roles that the vault's policy names, by step. A step that is not among them has a role of its own. */
  readonly vaultRoles: Readonly<Record<string, Role>>;
  readonly code: Code;
}

export type StepFunctions<Rows extends StepRows> = Readonly<Record<keyof Rows, PipelineFunction>>;

/** Makes a function of each step of a machine: its variables, rights, memory and time all come from its row. */
export function makeStepFunctions<Rows extends StepRows>(
  group: Construct,
  machine: string,
  rows: Rows,
  props: StepFunctionsProps,
): StepFunctions<Rows> {
  const values = variableValues(props);
  const functions = Object.entries(rows).map(([name, row]) => [
    name,
    new PipelineFunction(group, constructIdOf(name), {
      name,
      machine,
      code: props.code,
      environment: Object.fromEntries(variablesOf(row.needs).map((variable) => [variable, values[variable]])),
      statements: stepRights(Stack.of(group), row.needs, props),
      role: props.vaultRoles[name],
      memoryMegabytes: row.memoryMegabytes,
      timeout: Duration.minutes(row.minutes ?? 1),
      deadLetters: row.isCalledByEvents === true ? props.deadLetters : undefined,
    }),
  ]);
  return Object.fromEntries(functions) as StepFunctions<Rows>;
}

function variableValues(world: StepWorld): Readonly<Record<Variable, string>> {
  const { config, configuration, storage, machines, deadLetters } = world;
  const arns = (Object.keys(machines) as MachineName[]).map((name) => [
    machineVariable(name),
    machines[name].arn,
  ]);
  return {
    VAULT_BUCKET: storage.vault.bucketName,
    KMS_KEY_ARN: storage.key.keyArn,
    LOCK_MODE: config.lockMode,
    WORK_BUCKET: storage.workBucket.bucketName,
    CATALOG_TABLE: storage.catalog.tableName,
    CHUNK_INDEX_TABLE: storage.chunkIndex.tableName,
    METRICS_NAMESPACE,
    CONFIGURATION: configuration.url,
    DEAD_LETTER_QUEUE: deadLetters.queueUrl,
    OWN_BUCKETS: [storage.vault, storage.workBucket, storage.trail.log]
      .map(({ bucketName }) => bucketName)
      .join(' '),
    // Without a number it depends on the region, which may not be known here.
    BLOCK_QUOTA: String(config.blockQuota ?? 'default'),
    ...(Object.fromEntries(arns) as Record<MachineVariable, string>),
  };
}
