import { type CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { toEngineError } from '@holdfast/aws';
import { parseTemplate, type StackTemplate } from '../doctor/stack-template.ts';

/** Reads the template that a stack was last deployed with; `undefined` where there is no such stack. */
export async function findStackTemplate(
  client: CloudFormationClient,
  StackName: string,
): Promise<StackTemplate | undefined> {
  let body: string | undefined;
  try {
    const command = new GetTemplateCommand({ StackName, TemplateStage: 'Original' });
    body = (await client.send(command)).TemplateBody;
  } catch (error) {
    // CloudFormation has no error of its own for it.
    if (error instanceof Error && /does not exist/i.test(error.message)) return undefined;
    throw toEngineError(error, `reading the template of stack ${StackName}`);
  }
  return parseTemplate(body ?? '', `the deployed template of stack ${StackName}`);
}
