import type { PointId, ResourceArn, RunId } from '../../ids.ts';
import type { ResourceKind } from '../../model/resource-kind.ts';
import type { RunState } from './runs.ts';

/** A quote as it is kept, so that what happens can be compared with it. Bytes and dollars. */
export interface RecordedQuote {
  /** ISO 8601, UTC. */
  readonly quotedAt: string;
  /** Content; of an image the blocks that were known to be in use. */
  readonly logicalBytes: number;
  /** Bytes of the first backup, and the ends between which they lie with a chance of about 95 %; of an image, at most. */
  readonly storedBytes: { readonly value: number; readonly low: number; readonly high: number };
  /** Share of the content that was assumed to be new every day. */
  readonly changedPerDay: number;
}

/** A resource that a plan's tag selects, or once selected. */
export interface ResourceRow {
  readonly arn: ResourceArn;
  readonly kind: ResourceKind;
  /** The plan that the tag names, even if there is no such plan. */
  readonly plan: string;
  /** The instance that a volume is backed up with, by the instance's plan, although the volume carries the tag itself. */
  readonly partOf?: ResourceArn;
  /** The reason why the resource is not being protected although it carries the tag. */
  readonly problem?: string;
  readonly seenAt: Date;
  readonly lastRunId?: RunId;
  readonly lastRunState?: RunState;
  readonly lastPointId?: PointId;
  /** Source time of the newest committed point. */
  readonly lastSourceTime?: Date;
  /** The resource's tags when it was last discovered; holds on a tag go by them. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The last quote that somebody asked for. */
  readonly quote?: RecordedQuote;
}

/** Facts of a resource that discovery finds. */
export type FoundResource = Pick<
  ResourceRow,
  'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'seenAt' | 'tags'
>;

export interface Resources {
  /** Writes what discovery found; keeps the `last…` fields and the quote that the row has. */
  put(row: FoundResource): Promise<void>;
  find(arn: ResourceArn): Promise<ResourceRow | undefined>;
  /** Lists rows by ARN. @param startAfter - only those behind this one, which need not be there. */
  list(startAfter?: ResourceArn): AsyncIterable<ResourceRow>;
  /** Keeps a quote, also of a resource that discovery has not seen yet: then it shows once that has. */
  noteQuote(arn: ResourceArn, quote: RecordedQuote): Promise<void>;
  remove(arn: ResourceArn): Promise<void>;
}
