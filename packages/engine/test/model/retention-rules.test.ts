import { describe, expect, test } from 'vitest';
import { calendarRuleNames, longestKeptDays, RetentionRules } from '../../src/model/retention-rules.ts';

describe('the longest that rules keep a point', () => {
  test('is that of the rule that asks for most, and of the period that has begun', () => {
    expect(longestKeptDays({ keepDays: 30 })).toBe(30);
    expect(longestKeptDays({ keepDays: 30, weekly: 8, monthly: 2 })).toBe(93);
    expect(longestKeptDays({ keepDays: 5000, yearly: 7 })).toBe(5000);
  });

  test('grows with every calendar rule', () => {
    for (const name of calendarRuleNames)
      expect(longestKeptDays({ keepDays: 1, [name]: 3 })).toBeGreaterThan(
        longestKeptDays({ keepDays: 1, [name]: 2 }),
      );
  });
});

test('keeps no point by the calendar unless a plan asks for it', () => {
  const rules = RetentionRules.parse({ keepDays: 30 });

  expect(calendarRuleNames.map((name) => rules[name])).toEqual(calendarRuleNames.map(() => 0));
});
