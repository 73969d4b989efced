import { RestoreRequest } from '@holdfast/engine/model';
import * as z from 'zod';

/** The JSON Schema of a restore's input, as docs/restore-input.schema.json publishes it. */
export function restoreSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(RestoreRequest, { io: 'input' }), undefined, 2)}\n`;
}
