import { LaunchedInstance, RestoredVolume } from '@holdfast/engine/model';
import * as z from 'zod';

const Ordered = z.object({ id: z.string(), orderedAt: z.iso.datetime() });

/** The progress of a launch, from call to call. It holds nothing of the machine's user data: each call reads that from the root. */
export const Launch = z.object({
  differences: z.array(z.string()),
  image: Ordered.extend({ name: z.string(), isKept: z.boolean() }).optional(),
  /** When the instance was last ordered, written before the order, whose answer may be lost; absent once it is refused. */
  orderedAt: z.iso.datetime().optional(),
  instance: Ordered.optional(),
  /** The machine as it runs, once it does. */
  launched: LaunchedInstance.optional(),
  volumes: z.array(RestoredVolume).optional(),
});
export type Launch = z.infer<typeof Launch>;
