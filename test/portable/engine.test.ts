/**
 * The tests of the engine once more, over the portable provider: vectors, every kind of bad input with its alert, the rules
 * of the RFCs, resumption.
 */
process.env['HANDFAST_TEST_CRYPTO'] = 'portable';
// Only now: the helpers of these tests choose the provider when they are loaded.
await import('../engine/bad-input.test.ts');
await import('../engine/limits.test.ts');
await import('../engine/negotiation.test.ts');
await import('../engine/rfc8448.test.ts');
await import('../engine/rules.test.ts');
await import('../handshake/ech.test.ts');
await import('../handshake/full.test.ts');
await import('../handshake/raw-public-key.test.ts');
await import('../handshake/resumption.test.ts');
await import('../handshake/secrets.test.ts');
await import('../record/protection.test.ts');
