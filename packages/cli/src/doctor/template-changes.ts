import * as z from 'zod';

export const TemplateChange = z.strictObject({
  kind: z.enum(['data', 'permission', 'function', 'schedule', 'workflow', 'alarm', 'other']),
  change: z
    .enum(['added', 'changed', 'replaced', 'removed', 'wider', 'narrower'])
    .meta({ description: 'permissions are wider or narrower, all else is one of the others' }),
  name: z.string().meta({ description: 'the logical id; of permissions, what is allowed or denied' }),
  type: z.string(),
  properties: z.array(z.string()).meta({ description: 'those that are not as before' }),
});
export type TemplateChange = Readonly<z.infer<typeof TemplateChange>>;

export const StackChanges = z.strictObject({
  stack: z.string(),
  refused: z.array(z.string()).meta({
    description:
      'reasons not to deploy: what holds data would be replaced or removed, or would not be kept any more',
  }),
  changes: z.array(TemplateChange),
});
export type StackChanges = Readonly<z.infer<typeof StackChanges>>;
