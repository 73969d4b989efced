import type { PackId, ResourceArn, RunId } from '../ids.ts';
import type { PackRow, Packs } from '../ports/catalog/packs.ts';
import type { PointRow, Points } from '../ports/catalog/points.ts';
import type { ResourceRow } from '../ports/catalog/resources.ts';
import type { RunRow, Runs } from '../ports/catalog/runs.ts';
import type { Condition, TransitionStep, Transition } from './transition.ts';

/**
 * Rows of one kind as a catalog keeps them, by their id. Each call is atomic between any number of callers, and may have
 * happened when it fails.
 */
export interface Rows<Row> {
  find(id: string): Promise<Row | undefined>;
  insert(id: string, row: Row): Promise<'inserted' | 'taken'>;
  /** Takes the step of a transition whose condition holds, if one does. */
  change<Outcome>(id: string, transition: Transition<Row, Outcome>): Promise<Outcome>;
  /** @param when - only while this holds of the row. */
  remove(id: string, when?: Condition<Row>): Promise<void>;
}

export interface PackRows extends Rows<PackRow>, Pick<Packs, 'listDue' | 'listDamaged'> {
  findAll(packIds: readonly PackId[]): Promise<readonly PackRow[]>;
}

export interface PointRows extends Rows<PointRow>, Pick<Points, 'list' | 'listExpiring' | 'listHeld'> {}

/** The fields that runs, points and quotes leave on their resource, which discovery may not have seen yet. */
export type LastFields = Pick<
  ResourceRow,
  'lastRunId' | 'lastRunState' | 'lastPointId' | 'lastSourceTime' | 'quote'
>;

/** The run that a resource's note names, and its ending for another to begin. */
export interface Holder {
  readonly runId: RunId;
  /** Absent where the note's run has no row. */
  readonly ending?: TransitionStep<RunRow> | undefined;
}

/** The rows of runs, with the note of each resource's open one. */
export interface RunRows extends Pick<Rows<RunRow>, 'find' | 'change'>, Pick<Runs, 'list'> {
  findHolder(resourceArn: ResourceArn): Promise<RunId | undefined>;
  /**
   * In one step: the run's row, which has to be new; the resource's note, which has to name the holder still, or be absent
   * where there is none; the holder's ending; the resource's last run.
   */
  open(row: RunRow, holder: Holder | undefined): Promise<'done' | 'refused'>;
  /**
   * In one step: the run's ending; the resource's note away, which must not name another run; the resource's last run.
   * @param row - as it will be
   */
  close(row: RunRow, ending: TransitionStep<RunRow>): Promise<'done' | 'refused'>;
}
