import type { ResourceArn } from '../ids.ts';
import type { ResourceKind } from '../model/resource-kind.ts';

/** Kinds of things in an account that hold data, those too that cannot be backed up yet. */
export type InventoryKind = ResourceKind | 'efs-file-system' | 'database' | 'dynamodb-table';

/** Something in an account that holds data, whether it is backed up or not. */
export interface InventoryItem {
  readonly arn: ResourceArn;
  readonly kind: InventoryKind;
  /** Absent where nobody tells. */
  readonly bytes?: number | undefined;
  /** Name that a person gave it, where its ARN has none. */
  readonly name?: string | undefined;
  /** Resources that can be backed up by themselves: volumes of an instance. */
  readonly consistsOf?: readonly ResourceArn[];
}
