import { expect, test } from 'vitest';
import { parsePointPath } from '../src/names/point-path.ts';

test.each([
  ['i-0123:/etc/passwd', 'i-0123', '/etc/passwd'],
  ['20261129T0200:/dev/xvda1/etc', '20261129T0200', '/dev/xvda1/etc'],
  [
    'arn:aws:ec2:eu-west-1:111122223333:instance/i-0123:/a:/b',
    'arn:aws:ec2:eu-west-1:111122223333:instance/i-0123',
    '/a:/b',
  ],
  ['i-0123:C:\\Users\\a:b', 'i-0123', 'C:\\Users\\a:b'],
  ['i-0123:/c:/Users', 'i-0123', '/c:/Users'],
  ['i-0123:vol-0abcp1/etc', 'i-0123', 'vol-0abcp1/etc'],
  ['photos@2026-11-23T02:00:00Z:/a', 'photos@2026-11-23T02:00:00Z', '/a'],
])('%j is %s, and in it %s', (text, name, path) => {
  expect(parsePointPath(text)).toEqual({ name, path });
});

test.each([
  'i-0123',
  'arn:aws:s3:::photos',
  'arn:aws:ec2:eu-west-1:111122223333:volume/vol-0123',
  'photos@2026-11-23T02:00:00Z',
  'holdfast:directory:laptop:/home/ann',
])('%j is a name alone', (text) => {
  expect(parsePointPath(text)).toEqual({ name: text, path: undefined });
  expect(parsePointPath(text, 'a/b')).toEqual({ name: text, path: 'a/b' });
});

test('a path is not given twice', () => {
  expect(() => parsePointPath('i-0123:/etc', '/var')).toThrow('"i-0123:/etc" has a path; leave "/var" out');
});
