import * as z from 'zod';
import type { HoldId, PointId, ResourceArn, RunId } from '../../ids.ts';

export function isPointId(text: string): text is PointId {
  return /^\d{8}T\d{6}Z-[0-9a-f]{16}$/.test(text);
}

const hexId = z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits');

export const runId = hexId.transform((text) => text as RunId);
export const holdId = hexId.transform((text) => text as HoldId);
export const pointId = z
  .string()
  .refine(isPointId, 'expected a point id')
  .transform((text): PointId => text);
export const resourceArn = z
  .string()
  .regex(/^arn:/, 'expected an ARN')
  .transform((text) => text as ResourceArn);
