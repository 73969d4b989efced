import * as z from 'zod';
import { RestoreInput } from './restore-input.ts';

/** The JSON Schema of a restore's input, as docs/restore-input.schema.json publishes it. */
export function restoreInputSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(RestoreInput, { io: 'input' }), undefined, 2)}\n`;
}
