import * as z from 'zod';

/** What a cycle reads from the source, and against which base (see docs/concepts.md). */
export const BackupType = z.enum(['full', 'incremental', 'differential', 'synthetic-full']);
export type BackupType = z.infer<typeof BackupType>;
