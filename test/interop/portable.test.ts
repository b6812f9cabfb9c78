/**
 * Full and resumed handshakes over the portable provider, in both roles and versions, with OpenSSL and node:tls (or the peers of
 * HANDFAST_INTEROP_PEERS): the table of resumptions once more. That of handshakes: docs/conformance.md has the command.
 */
process.env['HANDFAST_TEST_CRYPTO'] = 'portable';
process.env['HANDFAST_INTEROP_PEERS'] ??= 'OpenSSL,node:tls';
// The table in docs/ is that of the provider that Node has.
delete process.env['HANDFAST_RESUMPTION_TABLE'];
// Only now: the helpers of these tests choose the provider, and the peers, when they are loaded.
await import('./resumption.test.ts');

export {};
