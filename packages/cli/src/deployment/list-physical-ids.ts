import { type CloudFormationClient, paginateListStackResources } from '@aws-sdk/client-cloudformation';
import { toEngineError } from '@holdfast/aws';

/** Lists the names in AWS of a stack's resources, by their logical ids. */
export async function listPhysicalIds(
  client: CloudFormationClient,
  StackName: string,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  try {
    for await (const page of paginateListStackResources({ client }, { StackName }))
      for (const { LogicalResourceId, PhysicalResourceId } of page.StackResourceSummaries ?? [])
        if (LogicalResourceId !== undefined && PhysicalResourceId !== undefined)
          ids.set(LogicalResourceId, PhysicalResourceId);
    return ids;
  } catch (error) {
    throw toEngineError(error, `listing the resources of stack ${StackName}`);
  }
}
