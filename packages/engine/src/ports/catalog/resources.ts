import type { PointId, ResourceArn, RunId } from '../../ids.ts';
import type { ResourceKind } from '../../model/resource-kind.ts';
import type { RunState } from './runs.ts';

/** A resource that a plan's tag selects, or once selected. */
export interface ResourceRow {
  readonly arn: ResourceArn;
  readonly kind: ResourceKind;
  /** The plan that the tag names, whether the plan exists or not. */
  readonly plan: string;
  /** The instance that a volume is backed up with, by that one's plan, although it carries the tag itself. */
  readonly partOf?: ResourceArn;
  /** Why the resource is not being protected although it carries the tag. */
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

/** What discovery found of a resource. */
export type FoundResource = Pick<
  ResourceRow,
  'arn' | 'kind' | 'plan' | 'partOf' | 'problem' | 'seenAt' | 'tags'
>;

/** The catalog's resources. */
export interface Resources {
  /** Writes what discovery found; keeps the `last…` fields that the row has. */
  put(row: FoundResource): Promise<void>;
  find(arn: ResourceArn): Promise<ResourceRow | undefined>;
  /** By ARN. @param startAfter - only those behind this one, which need not be there. */
  list(startAfter?: ResourceArn): AsyncIterable<ResourceRow>;
  /** Takes away a resource's row; its points stay. */
  remove(arn: ResourceArn): Promise<void>;
}
