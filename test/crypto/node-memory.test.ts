import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNode } from '../../src/crypto/node-hash.ts';
import { letGo } from '../../src/crypto/node-memory.ts';

test('a large array is freed at once or with a few dozen others, a small one or a part of one never', {
  skip: !isNode && 'memory is freed at once on Node only',
}, () => {
  const large = Array.from({ length: 32 }, () => new Uint8Array(16_384).fill(1));
  const small = new Uint8Array(1000).fill(1);
  const part = new Uint8Array(20_000).fill(1).subarray(10_000);
  letGo(small);
  letGo(part);
  for (const bytes of large) letGo(bytes);
  for (const bytes of large) assert.equal(bytes.length, 0);
  assert.ok([...small, ...part].every((byte) => byte === 1));
});
