import {
  GetScheduleCommand,
  paginateListSchedules,
  SchedulerClient,
  UpdateScheduleCommand,
} from '@aws-sdk/client-scheduler';

/** Switches the schedules of a plan on or off. @throws {@link Error} the plan has none. */
export async function switchSchedule(plan: string, State: 'ENABLED' | 'DISABLED'): Promise<void> {
  const scheduler = new SchedulerClient({});
  let switched = 0;
  for await (const page of paginateListSchedules({ client: scheduler }, {})) {
    for (const { Name, GroupName } of page.Schedules ?? []) {
      const schedule = await scheduler.send(new GetScheduleCommand({ Name, GroupName }));
      if (!schedule.Target?.Input?.includes(`"plan":"${plan}"`)) continue;
      const { ScheduleExpression, ScheduleExpressionTimezone, FlexibleTimeWindow, Target, Description } =
        schedule;
      const kept = {
        ScheduleExpression,
        ScheduleExpressionTimezone,
        FlexibleTimeWindow,
        Target,
        Description,
      };
      await scheduler.send(new UpdateScheduleCommand({ Name, GroupName, ...kept, State }));
      switched += 1;
    }
  }
  if (switched === 0) throw new Error(`plan ${plan} has no schedule; deploy test/e2e/plans.ts`);
}
