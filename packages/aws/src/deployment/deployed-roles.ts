import {
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  type IAMClient,
  paginateListAttachedRolePolicies,
  paginateListRolePolicies,
} from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { InvalidInputError, isOfKind } from '@holdfast/engine';
import type { RoleClients } from '../sdk/make-role-clients.ts';
import { errorName, toEngineError } from '../sdk/sdk-errors.ts';

/** A policy that a role has. */
export interface RolePolicy {
  /** The ARN of one that is attached. */
  readonly name: string;
  readonly isAttached: boolean;
  /** Absent where the caller may not read an attached one. */
  readonly document: unknown;
}

/** A role as IAM has it. */
export interface RolePermissions {
  readonly trust: unknown;
  /** ARN of the policy that bounds what it may do. */
  readonly boundary: string | undefined;
  readonly policies: readonly RolePolicy[];
}

/** Something that works with a role. */
export interface RoleUser {
  readonly kind: 'function' | 'state machine' | 'schedule';
  /** As CloudFormation knows it. */
  readonly physicalId: string;
  /** The group of a schedule. */
  readonly group?: string | undefined;
}

/** The services' names for what is not there. */
const goneNames: ReadonlySet<string> = new Set([
  'NoSuchEntity',
  'NoSuchEntityException',
  'ResourceNotFoundException',
  'StateMachineDoesNotExist',
]);

/**
 * Reads roles, and who works with them. IAM answers from one region for all, some seconds after a change; its documents are
 * percent-encoded.
 * @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
 */
export class DeployedRoles {
  readonly #clients: RoleClients;

  constructor(clients: RoleClients) {
    this.#clients = clients;
  }

  /** @returns `undefined` where there is no such role. */
  async find(RoleName: string): Promise<RolePermissions | undefined> {
    const { iam } = this.#clients;
    return findOf(`reading role ${RoleName}`, async () => {
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }));
      return {
        trust: documentOf(Role?.AssumeRolePolicyDocument, `the trust policy of role ${RoleName}`),
        boundary: Role?.PermissionsBoundary?.PermissionsBoundaryArn,
        policies: [...(await this.#readInline(RoleName)), ...(await this.#readAttached(RoleName))],
      };
    });
  }

  /** ARN of the role that a function, a state machine or a schedule works with; `undefined` where it is gone. */
  async findRoleOf({ kind, physicalId, group }: RoleUser): Promise<string | undefined> {
    const { lambda, stepFunctions, scheduler } = this.#clients;
    return findOf(`reading ${kind} ${physicalId}`, async () => {
      switch (kind) {
        case 'function':
          return (await lambda.send(new GetFunctionConfigurationCommand({ FunctionName: physicalId }))).Role;
        case 'state machine':
          return (await stepFunctions.send(new DescribeStateMachineCommand({ stateMachineArn: physicalId })))
            .roleArn;
        case 'schedule':
          return (await scheduler.send(new GetScheduleCommand({ Name: physicalId, GroupName: group }))).Target
            ?.RoleArn;
      }
    });
  }

  close(): void {
    for (const client of Object.values(this.#clients) as { destroy(): void }[]) client.destroy();
  }

  async #readInline(RoleName: string): Promise<readonly RolePolicy[]> {
    const { iam } = this.#clients;
    const policies: RolePolicy[] = [];
    for await (const { PolicyNames = [] } of paginateListRolePolicies({ client: iam }, { RoleName }))
      for (const name of PolicyNames) {
        const what = `policy ${name} of role ${RoleName}`;
        const document = await findOf(`reading ${what}`, async () => {
          const answer = await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName: name }));
          return documentOf(answer.PolicyDocument, what);
        });
        // Removed since it was listed.
        if (document !== undefined) policies.push({ name, isAttached: false, document });
      }
    return policies;
  }

  async #readAttached(RoleName: string): Promise<readonly RolePolicy[]> {
    const { iam } = this.#clients;
    const policies: RolePolicy[] = [];
    for await (const page of paginateListAttachedRolePolicies({ client: iam }, { RoleName }))
      for (const { PolicyArn: name = '' } of page.AttachedPolicies ?? [])
        policies.push({ name, isAttached: true, document: await readManaged(iam, name) });
    return policies;
  }
}

/** The default version of a managed policy, which is the one that counts. */
async function readManaged(iam: IAMClient, PolicyArn: string): Promise<unknown> {
  try {
    return await findOf(`reading policy ${PolicyArn}`, async () => {
      const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }));
      const version = { PolicyArn, VersionId: Policy?.DefaultVersionId };
      const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand(version));
      return documentOf(PolicyVersion?.Document, `policy ${PolicyArn}`);
    });
  } catch (error) {
    if (isOfKind(error, 'denied')) return undefined;
    throw error;
  }
}

async function findOf<Found>(what: string, read: () => Promise<Found>): Promise<Found | undefined> {
  try {
    return await read();
  } catch (error) {
    if (goneNames.has(errorName(error))) return undefined;
    throw toEngineError(error, what);
  }
}

/** @throws {@link InvalidInputError} it is no document. */
function documentOf(encoded: string | undefined, what: string): unknown {
  try {
    return JSON.parse(decodeURIComponent(encoded ?? '')) as unknown;
  } catch (cause) {
    throw new InvalidInputError(`${what} is not a document in JSON, percent-encoded; look at it in IAM`, {
      cause,
    });
  }
}
