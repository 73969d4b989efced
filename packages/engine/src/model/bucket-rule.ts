import * as z from 'zod';

/**
 * Buckets that functions may read. A text is the name of one, or the beginning of the names of many with an asterisk at its
 * end: their tags are looked at by discovery alone. With a tag, S3 itself looks at that tag with each request, which it
 * does only where attribute-based access control (ABAC) is enabled.
 */
export const BucketRule = z.union([
  z.string(),
  z.strictObject({
    name: z.string(),
    tag: z.strictObject({ key: z.string(), value: z.string() }),
  }),
]);
export type BucketRule = z.infer<typeof BucketRule>;
export type TaggedBuckets = Exclude<BucketRule, string>;

/** Rules with a tag, instead of which S3 lets any bucket be read that carries a plan's tag. */
export function taggedBuckets(rules: readonly BucketRule[]): readonly TaggedBuckets[] {
  return rules.filter((rule) => typeof rule !== 'string');
}

/** A rule names the bucket, or the beginning of its name. */
export function isLetInByName(rules: readonly BucketRule[], bucket: string): boolean {
  return rules.some((rule) => typeof rule === 'string' && fits(rule, bucket));
}

/** True of a bucket with ABAC whose tags are enough for S3: where rules have tags, one of them has to fit. */
export function isLetInByTag(
  rules: readonly BucketRule[],
  bucket: string,
  tags: Readonly<Record<string, string>>,
): boolean {
  const tagged = taggedBuckets(rules);
  return (
    tagged.length === 0 || tagged.some(({ name, tag }) => fits(name, bucket) && tags[tag.key] === tag.value)
  );
}

function fits(name: string, bucket: string): boolean {
  return name.endsWith('*') ? bucket.startsWith(name.slice(0, -1)) : bucket === name;
}
