import type { PointId, ResourceArn, RunId } from '../../ids.ts';
import type { ResourceKind } from '../../model/resource-kind.ts';
import type { RunState } from './runs.ts';

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
}

/** Facts of a resource that discovery finds. */
export type FoundResource = Pick<
  ResourceRow,
  'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'seenAt' | 'tags'
>;

/** The catalog's resources. */
export interface Resources {
  /** Writes what discovery found; keeps the `last…` fields that the row has. */
  put(row: FoundResource): Promise<void>;
  find(arn: ResourceArn): Promise<ResourceRow | undefined>;
  /** Lists rows by ARN. @param startAfter - only those behind this one, which need not be there. */
  list(startAfter?: ResourceArn): AsyncIterable<ResourceRow>;
  /** Removes a resource's row; its points stay. */
  remove(arn: ResourceArn): Promise<void>;
}
