import type { CipherSuite } from '../crypto/cipher-suites.ts';
import { tls13 } from '../wire/versions.ts';
import { type HandshakeContext, type KeyChange, logSecret } from './context.ts';
import type { ApplicationSecrets, HandshakeSecrets } from './key-schedule.ts';

/** The key changes of TLS 1.3, and their lines in the key log (RFC 9846, Section 7; RFC 9850). */

type Side = 'client' | 'server';

export function earlyKeys(suite: CipherSuite, trafficSecret: Uint8Array): KeyChange {
  return { version: tls13, suite, epoch: 'earlyData', secretName: 'clientEarlyTrafficSecret', trafficSecret };
}

export function handshakeKeys(suite: CipherSuite, side: Side, secrets: HandshakeSecrets): KeyChange {
  const secretName = side === 'client' ? 'clientHandshakeTrafficSecret' : 'serverHandshakeTrafficSecret';
  return { version: tls13, suite, epoch: 'handshake', secretName, trafficSecret: secrets[secretName] };
}

export function applicationKeys(suite: CipherSuite, side: Side, secrets: ApplicationSecrets): KeyChange {
  const secretName = side === 'client' ? 'clientApplicationTrafficSecret' : 'serverApplicationTrafficSecret';
  return { version: tls13, suite, epoch: 'application', secretName, trafficSecret: secrets.trafficSecret(side) };
}

export function logHandshakeSecrets(
  context: HandshakeContext,
  clientRandom: Uint8Array,
  secrets: HandshakeSecrets,
): void {
  if (context.config.keyLog === undefined) return;
  logSecret(context, 'CLIENT_HANDSHAKE_TRAFFIC_SECRET', clientRandom, secrets.clientHandshakeTrafficSecret);
  logSecret(context, 'SERVER_HANDSHAKE_TRAFFIC_SECRET', clientRandom, secrets.serverHandshakeTrafficSecret);
}

export function logApplicationSecrets(
  context: HandshakeContext,
  clientRandom: Uint8Array,
  secrets: ApplicationSecrets,
): void {
  if (context.config.keyLog === undefined) return;
  logSecret(context, 'CLIENT_TRAFFIC_SECRET_0', clientRandom, secrets.trafficSecret('client'));
  logSecret(context, 'SERVER_TRAFFIC_SECRET_0', clientRandom, secrets.trafficSecret('server'));
  logSecret(context, 'EXPORTER_SECRET', clientRandom, secrets.exporterMasterSecret);
}
