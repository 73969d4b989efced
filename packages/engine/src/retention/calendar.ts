import { InvalidInputError } from '../errors.ts';
import type { CalendarUnit } from '../model/retention-rules.ts';
import { dayMs, hourMs } from '../model/time.ts';

/** A date without a time and a place. `month` counts from 1. */
interface CivilDate {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** Local time is at most this far from UTC. */
const farthestZoneHours = 15;

/** Days, weeks, months and years as people in one time zone count them, daylight saving and history included. */
export class Calendar {
  readonly #format: Intl.DateTimeFormat;

  /** @param timeZone - IANA name. @throws {@link InvalidInputError} there is no such zone. */
  constructor(timeZone: string) {
    try {
      this.#format = new Intl.DateTimeFormat('en-CA', {
        timeZone,
        calendar: 'iso8601',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
      });
    } catch (cause) {
      throw new InvalidInputError(
        `time zone "${timeZone}" does not exist; use an IANA name such as Europe/Vienna`,
        { cause },
      );
    }
  }

  /** Number of the day, week (from Monday), month or year that contains a time. Neighbours have consecutive numbers. */
  indexOf(unit: CalendarUnit, time: Date): number {
    const { year, month, day } = this.#dateAt(time);
    if (unit === 'year') return year;
    if (unit === 'month') return year * 12 + month - 1;
    const days = Date.UTC(year, month - 1, day) / dayMs;
    // 1970-01-01 was a Thursday.
    return unit === 'day' ? days : Math.floor((days + 3) / 7);
  }

  startOf(unit: CalendarUnit, index: number): Date {
    return this.#startOfDay(firstDay(unit, index));
  }

  #dateAt(time: Date): CivilDate {
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(time)) parts[type] = Number(value);
    const { year = 0, month = 0, day = 0 } = parts;
    return { year, month, day };
  }

  /** The first moment at which the clocks of the zone show that date, or a later one where they skipped it. */
  #startOfDay(utcMidnight: number): Date {
    const target = utcMidnight / dayMs;
    let before = utcMidnight - farthestZoneHours * hourMs;
    let reached = utcMidnight + farthestZoneHours * hourMs;
    while (reached - before > 1) {
      const middle = Math.floor((before + reached) / 2);
      if (this.indexOf('day', new Date(middle)) >= target) reached = middle;
      else before = middle;
    }
    return new Date(reached);
  }
}

function firstDay(unit: CalendarUnit, index: number): number {
  if (unit === 'year') return Date.UTC(index, 0, 1);
  if (unit === 'month') return Date.UTC(Math.floor(index / 12), index % 12, 1);
  return unit === 'day' ? index * dayMs : (index * 7 - 3) * dayMs;
}
