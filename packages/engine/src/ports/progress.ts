/** One thing that happened in long work. Counts are totals so far, not differences. */
export interface ProgressEvent {
  readonly step:
    | 'list'
    | 'sample'
    | 'find'
    | 'compare'
    | 'protect'
    | 'commit'
    | 'consolidate'
    | 'restore'
    | 'remove'
    | 'verify'
    | 'check'
    | 'rebuild'
    | 'measure';
  readonly files: number;
  readonly bytes: number;
  /** The things that the counts of files count. @default files */
  readonly unit?: 'object' | 'root' | 'point' | 'pack' | 'path';
  /** Total, where it is known. */
  readonly filesTotal?: number | undefined;
  /** All that bytes will come to, where that is known, and says more than files. */
  readonly bytesTotal?: number | undefined;
}

/** Receives progress; must not throw and must not block. */
export type ReportProgress = (event: ProgressEvent) => void;
