import * as z from 'zod';
import type { PointId } from '../../ids.ts';
import { holdId, resourceArn } from './ids.ts';

/** Characters of a reason, and of everything else that a person writes about a hold. */
export const longestHoldText = 1_024;
const text = z.string().min(1).max(longestHoldText);

/** A hold on a resource or a tag keeps the points that are still to come, too. */
export const HoldScope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('point'), pointId: text.transform((id) => id as PointId) }),
  z.strictObject({ kind: z.literal('resource'), resourceArn }),
  z.strictObject({ kind: z.literal('tag'), key: text, value: z.string().max(256) }),
]);
export type HoldScope = Readonly<z.infer<typeof HoldScope>>;

export const HoldRequest = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('set'), scope: HoldScope, by: text, reason: text }),
  z.strictObject({ action: z.literal('release'), hold: holdId, by: text, reason: text }),
]);
export type HoldRequest = Readonly<z.infer<typeof HoldRequest>>;

export const HoldReport = z.object({
  hold: holdId,
  action: z.enum(['set', 'release']),
  points: z.int(),
  /** Points that had expired, and could not be held any more. */
  gone: z.int(),
  /** Points that could not be held or released; maintenance tries again daily. */
  failures: z.object({ count: z.int(), messages: z.array(z.string()) }),
});
export type HoldReport = Readonly<z.infer<typeof HoldReport>>;
