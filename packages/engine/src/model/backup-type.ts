import * as z from 'zod';

/** The way in which a cycle reads the source, and the base that it compares with (see docs/concepts.md). */
export const BackupType = z.enum(['full', 'incremental', 'differential', 'synthetic-full']);
export type BackupType = z.infer<typeof BackupType>;
