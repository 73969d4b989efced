import { Duration } from 'aws-cdk-lib';
import type { Role } from 'aws-cdk-lib/aws-iam';
import type { Code } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../deployment-config.ts';
import type { VaultFunction } from '../storage-stack.ts';
import type { ConfigurationObject } from './configuration-object.ts';
import { constructIdOf } from './construct-id.ts';
import { PipelineFunction, type PipelineFunctionProps } from './pipeline-function.ts';
import type { Storage } from './vault-access.ts';

/** Properties of every {@link FunctionGroup}. */
export interface FunctionGroupProps {
  readonly config: DeploymentConfig;
  readonly storage: Storage;
  readonly configuration: ConfigurationObject;
  /** Roles that the vault's policy names. A function of one of these names works in that role, any other in its own. */
  readonly vaultRoles: Readonly<Record<VaultFunction, Role>>;
  /** One bundle for all functions, for tests of the template. @default each function's own, made by esbuild */
  readonly handlerCode?: Code;
}

/** What Lambda allows. */
export const LONGEST = Duration.minutes(15);

/** How functions are told where the deployment keeps things, by what they may do there. */
export function storageVariables({ config, storage }: Pick<FunctionGroupProps, 'config' | 'storage'>) {
  const vaultBucket = { VAULT_BUCKET: storage.vault.bucketName };
  const vaultReader = { ...vaultBucket, KMS_KEY_ARN: storage.key.keyArn };
  return {
    CATALOG_TABLE: storage.catalog.tableName,
    CHUNK_INDEX_TABLE: storage.chunkIndex.tableName,
    WORK_BUCKET: storage.workBucket.bucketName,
    vaultBucket,
    vaultReader,
    vaultWriter: { ...vaultReader, LOCK_MODE: config.lockMode },
    /** Of functions that write nothing in the vault but its audit log. */
    auditor: { ...vaultBucket, LOCK_MODE: config.lockMode },
  };
}

/** Functions that belong to one workflow: what each is told, and what each may do. */
export abstract class FunctionGroup extends Construct {
  private readonly vaultRoles: Readonly<Record<string, Role>>;
  private readonly handlerCode: Code | undefined;

  constructor(scope: Construct, id: string, { vaultRoles, handlerCode }: FunctionGroupProps) {
    super(scope, id);
    this.vaultRoles = vaultRoles;
    this.handlerCode = handlerCode;
  }

  /** Makes the function of a folder of lambdas/. */
  protected add(
    name: string,
    props: Omit<PipelineFunctionProps, 'name' | 'code' | 'role'>,
  ): PipelineFunction {
    const role = this.vaultRoles[name];
    return new PipelineFunction(this, constructIdOf(name), {
      name,
      ...props,
      ...(role === undefined ? {} : { role }),
      ...(this.handlerCode === undefined ? {} : { code: this.handlerCode }),
    });
  }
}
