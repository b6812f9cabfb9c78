/**
 * `handfast/redis`: sessions and ticket keys of a fleet through Redis or Valkey. Needs `@redis/client`, an optional
 * peer.
 */
export * from './redis/connection.ts';
export * from './redis/fleet.ts';
export * from './redis/keyring.ts';
export * from './redis/store.ts';
