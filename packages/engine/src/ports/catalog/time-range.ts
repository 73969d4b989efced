/** A span of time: `from` inclusive, `to` inclusive. */
export interface TimeRange {
  readonly from?: Date;
  readonly to?: Date;
}
