import { describe, expect, test } from 'vitest';
import { isLetInByTag, isLetInByName } from '../../src/model/index.ts';

const web = { name: '*', tag: { key: 'team', value: 'web' } };
const productionLogs = { name: 'logs-*', tag: { key: 'stage', value: 'production' } };

describe('a bucket', () => {
  test('is named by its name and by the beginning of it, and by no rule with a tag', () => {
    expect(isLetInByName(['photos', 'logs-*'], 'photos')).toBe(true);
    expect(isLetInByName(['photos', 'logs-*'], 'logs-eu')).toBe(true);
    expect(isLetInByName(['photos', 'logs-*'], 'photos-old')).toBe(false);
    expect(isLetInByName([web], 'photos')).toBe(false);
  });

  test('is let in by the tag of its plan where no rule has a tag', () => {
    expect(isLetInByTag(['photos'], 'other', {})).toBe(true);
  });

  test('is let in by a rule of which name and tag fit, and else by none', () => {
    const rules = [web, productionLogs, 'photos'];

    expect(isLetInByTag(rules, 'any', { team: 'web' })).toBe(true);
    expect(isLetInByTag(rules, 'logs-eu', { stage: 'production' })).toBe(true);
    expect(isLetInByTag(rules, 'any', { stage: 'production' })).toBe(false);
    expect(isLetInByTag(rules, 'logs-eu', { stage: 'test' })).toBe(false);
  });
});
