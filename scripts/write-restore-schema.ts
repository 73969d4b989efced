import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { restoreInputSchema } from '../lambdas/restore/restore-input-schema.ts';

// Run it with `node scripts/write-restore-schema.ts` after a change of lambdas/restore/restore-input.ts.
await writeFile(join(import.meta.dirname, '..', 'docs', 'restore-input.schema.json'), restoreInputSchema());
