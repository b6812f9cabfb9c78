/** Types of the engine's interface, by the names that this room uses. */
import type { ServerOptions } from '../../engine/config.ts';
import type { Host } from '../../engine/host.ts';

export type Credential = NonNullable<ServerOptions['credentials']>[number];
export type Signer = Credential['signer'];
export type Input<K extends keyof Host> = Parameters<Host[K]>[0];
export type Answer<K extends keyof Host> = ReturnType<Host[K]>;
export type ClientHelloInfo = Input<'selectConfig'>;
export type ServerHandshakeConfig = Exclude<Awaited<Answer<'selectConfig'>>, undefined>;
