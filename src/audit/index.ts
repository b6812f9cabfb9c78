/** What `handfast inspect` asks of a server, as a library of live checks. */
export * from './ech.ts';
export * from './hello.ts';
export * from './hello13.ts';
export * from './old-protocols.ts';
export * from './old-suites.ts';
export * from './probe.ts';
export * from './replay.ts';
export * from './resumption-checks.ts';
export * from './weak-keys.ts';
