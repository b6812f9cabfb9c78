import { zeroize } from '../bytes/bytes.ts';
import { callable, check, having } from '../bytes/check.ts';
import type { HostRequest } from '../handshake/host.ts';
import type { Awaitable } from './config.ts';
import type { Connection, Progress } from './connection.ts';
import { type Host, isPromise } from './host.ts';

const isConnection = having(['advance', 'answer'], 'a ClientConnection or a ServerConnection');
const isHost = having(['sign', 'verifyPeer'], 'clientHost(options) or serverHost(options)');

/**
 * Advances a connection as far as it goes, and answers the host's requests: at once where the answer is at hand, and
 * later where it is promised; then `wake` is called, and the caller drives again.
 *
 * @returns what the connection waits for. `needsHost` is never returned: it is being answered.
 */
export function drive(connection: Connection, host: Host, wake: () => void): Progress {
  // It is called for every chunk of data.
  if (typeof connection?.advance !== 'function') check(isConnection, connection, 'drive: connection');
  if (typeof host?.sign !== 'function') check(isHost, host, 'drive: host');
  if (typeof wake !== 'function') check(callable, wake, 'drive: wake');
  for (;;) {
    const progress = connection.advance();
    if (progress.state !== 'needsHost') return progress;
    answer(connection, host, progress.id, progress.request, wake);
  }
}

function answer(connection: Connection, host: Host, id: number, request: HostRequest, wake: () => void): void {
  let value: Awaitable<unknown>;
  try {
    value = (host[request.name] as (input: unknown) => Awaitable<unknown>)(request.input);
  } catch (error) {
    connection.fail(id, error);
    return;
  }
  if (!isPromise(value)) {
    connection.answer(id, value);
    return;
  }
  value.then(
    (late) => {
      // Nobody is left to wipe what comes too late.
      if (connection.closed && request.name === 'decryptPremaster') zeroize(late as Uint8Array | undefined);
      connection.answer(id, late);
      wake();
    },
    (error) => {
      connection.fail(id, error);
      wake();
    },
  );
}
