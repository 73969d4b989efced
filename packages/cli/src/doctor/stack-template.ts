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
  Outputs: z
    .record(
      z.string(),
      z.looseObject({ Value: z.unknown(), Export: z.looseObject({ Name: z.unknown() }).optional() }),
    )
    .optional(),
});
export type StackTemplate = z.infer<typeof StackTemplate>;

/** @throws {@link InvalidInputError} it is no template in JSON. */
export function parseTemplate(text: string, what: string): StackTemplate {
  try {
    return StackTemplate.parse(JSON.parse(text));
  } catch (cause) {
    throw new InvalidInputError(`${what} is not JSON with resources, as the CDK writes it`, { cause });
  }
}
