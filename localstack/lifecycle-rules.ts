import type { LifecycleRule, LifecycleRuleFilter } from '@aws-sdk/client-s3';
import * as z from 'zod';

const count = z.coerce.number();
const StorageClass = z.enum([
  'GLACIER',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'DEEP_ARCHIVE',
  'GLACIER_IR',
]);

export const LifecycleRules = z.array(
  z.looseObject({
    Id: z.string().optional(),
    Status: z.enum(['Enabled', 'Disabled']),
    Prefix: z.string().optional(),
    TagFilters: z.array(z.object({ Key: z.string(), Value: z.string() })).default([]),
    ObjectSizeGreaterThan: count.optional(),
    ObjectSizeLessThan: count.optional(),
    ExpirationInDays: count.optional(),
    ExpiredObjectDeleteMarker: z.boolean().optional(),
    NoncurrentVersionExpiration: z
      .object({ NoncurrentDays: count, NewerNoncurrentVersions: count.optional() })
      .optional(),
    Transitions: z.array(z.object({ StorageClass, TransitionInDays: count })).optional(),
    NoncurrentVersionTransitions: z
      .array(z.object({ StorageClass, TransitionInDays: count, NewerNoncurrentVersions: count.optional() }))
      .optional(),
    AbortIncompleteMultipartUpload: z.object({ DaysAfterInitiation: count }).optional(),
  }),
);
type TemplateRule = z.infer<typeof LifecycleRules>[number];

export function toLifecycleRules(rules: readonly TemplateRule[]): LifecycleRule[] {
  return rules.map((rule) => ({
    ID: rule.Id,
    Status: rule.Status,
    Filter: toFilter(rule),
    Expiration:
      rule.ExpirationInDays === undefined && rule.ExpiredObjectDeleteMarker === undefined
        ? undefined
        : { Days: rule.ExpirationInDays, ExpiredObjectDeleteMarker: rule.ExpiredObjectDeleteMarker },
    NoncurrentVersionExpiration: rule.NoncurrentVersionExpiration,
    Transitions: rule.Transitions?.map((one) => ({
      StorageClass: one.StorageClass,
      Days: one.TransitionInDays,
    })),
    NoncurrentVersionTransitions: rule.NoncurrentVersionTransitions?.map((one) => ({
      StorageClass: one.StorageClass,
      NoncurrentDays: one.TransitionInDays,
      NewerNoncurrentVersions: one.NewerNoncurrentVersions,
    })),
    AbortIncompleteMultipartUpload: rule.AbortIncompleteMultipartUpload,
  }));
}

/** S3 takes one condition directly, and several only within `And`. */
function toFilter(rule: TemplateRule): LifecycleRuleFilter {
  const { Prefix, TagFilters, ObjectSizeGreaterThan, ObjectSizeLessThan } = rule;
  const conditions = [Prefix, ObjectSizeGreaterThan, ObjectSizeLessThan].filter(
    (one) => one !== undefined,
  ).length;
  if (conditions + TagFilters.length > 1) {
    return { And: { Prefix, Tags: TagFilters, ObjectSizeGreaterThan, ObjectSizeLessThan } };
  }
  if (TagFilters[0]) return { Tag: TagFilters[0] };
  if (conditions === 0) return { Prefix: '' };
  return { Prefix, ObjectSizeGreaterThan, ObjectSizeLessThan };
}
