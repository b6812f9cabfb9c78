/**
 * The tests of the engine once more, over the portable provider: vectors, every kind of bad input with its alert, the rules
 * of the RFCs, resumption.
 */
process.env['HANDFAST_TEST_CRYPTO'] = 'portable';

const files = [
  '../engine/bad-input.test.ts',
  '../engine/limits.test.ts',
  '../engine/negotiation.test.ts',
  '../engine/rfc8448.test.ts',
  '../engine/rules.test.ts',
  '../handshake/ech.test.ts',
  '../handshake/full.test.ts',
  '../handshake/raw-public-key.test.ts',
  '../handshake/resumption.test.ts',
  '../handshake/secrets.test.ts',
  '../record/protection.test.ts',
];
// Only now: the helpers of these tests choose the provider when they are loaded.
for (const file of files) await import(file);
