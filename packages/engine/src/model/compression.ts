import * as z from 'zod';

/** A plan's choice between time and stored bytes (see docs/concepts.md). */
export const CompressionLevel = z.enum(['fast', 'default', 'max']);
export type CompressionLevel = z.infer<typeof CompressionLevel>;
