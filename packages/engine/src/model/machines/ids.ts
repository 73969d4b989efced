import * as z from 'zod';
import type { HoldId, PointId, ResourceArn, RunId } from '../../ids.ts';
import { isPointId } from '../../points/point-id.ts';

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
