/** A span of time; both ends are included. */
export interface TimeRange {
  readonly from?: Date;
  readonly to?: Date;
}
