import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { restoreSchema } from './restore-schema.ts';

// Run it with `node scripts/write-restore-schema.ts` after a change of packages/engine/src/model/machines/restore-request.ts.
await writeFile(join(import.meta.dirname, '..', 'docs', 'restore-input.schema.json'), restoreSchema());
