/** `handfast/session`: session resumption as a library. See docs/resumption.md. */
export * from './client-cache.ts';
export * from './client-session.ts';
export * from './counters.ts';
export * from './early-data.ts';
export * from './fleet-key.ts';
export * from './memory-store.ts';
export * from './miss-reason.ts';
export * from './policy.ts';
export * from './psk-importer.ts';
export * from './resilient-store.ts';
export * from './resumption.ts';
export * from './sealed-store.ts';
export * from './sealing-key.ts';
export * from './state.ts';
export * from './store.ts';
export * from './ticket-keyring.ts';
export * from './timer.ts';
