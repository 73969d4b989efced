import { createHmac } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { createKeyedHash } from '../../src/keys/keyed-hash.ts';

test('a keyed hash is HMAC-SHA-256, whatever was hashed before', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 3000, size: 'max' }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64, size: 'max' }), messages, (key, all) => {
      const keyedHash = createKeyedHash(key);

      const hashes = all.map((message) => keyedHash(message).toString('hex'));

      expect(hashes).toEqual(all.map((message) => createHmac('sha256', key).update(message).digest('hex')));
    }),
    { seed: 53, numRuns: 300 },
  );
});
