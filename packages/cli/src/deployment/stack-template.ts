import { type CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { toEngineError } from '@holdfast/aws';
import { InvalidInputError } from '@holdfast/engine';
import * as z from 'zod';

/** A template of CloudFormation in JSON, as the CDK writes it. */
export const StackTemplate = z.looseObject({
  Resources: z.record(
    z.string(),
    z.looseObject({
      Type: z.string(),
      Properties: z.record(z.string(), z.unknown()).optional(),
      DeletionPolicy: z.string().optional(),
      UpdateReplacePolicy: z.string().optional(),
    }),
  ),
  Outputs: z.record(z.string(), z.looseObject({ Value: z.unknown() })).optional(),
});
export type StackTemplate = z.infer<typeof StackTemplate>;

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

/** @throws {@link InvalidInputError} it is no template in JSON. */
export function parseTemplate(text: string, what: string): StackTemplate {
  try {
    return StackTemplate.parse(JSON.parse(text));
  } catch (cause) {
    throw new InvalidInputError(`${what} is not JSON with resources, as the CDK writes it`, { cause });
  }
}
