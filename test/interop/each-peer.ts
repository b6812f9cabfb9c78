/** The peers that a run is about, each with its tests. */
import { before, describe, test } from 'node:test';

/** What stands for a peer here: the tables of handshakes and of resumptions have peers of their own. */
interface AnyPeer {
  readonly name: string;
  readonly quick: boolean;
  version(): Promise<string | undefined>;
  prepare?(): Promise<void>;
}

/** Whether the whole table is wanted, and not only the quick half. */
export const all: boolean = process.env['HANDFAST_INTEROP'] === 'all';
const only = process.env['HANDFAST_INTEROP_PEERS']?.split(',');
const required = process.env['HANDFAST_REQUIRE_PEERS'] === '1';

/**
 * Declares the tests of every peer that is asked for and installed; one that is not is a skip, or a failure where peers
 * are required.
 * @param absent is told of the peers that are not installed.
 */
export async function eachPeer<P extends AnyPeer>(
  peers: readonly P[],
  declare: (peer: P, version: string) => void,
  absent: (peer: P) => void = () => {},
): Promise<void> {
  for (const peer of peers) {
    if (only ? !only.includes(peer.name) : !all && !peer.quick) continue;
    const version = await peer.version();
    if (version === undefined) {
      absent(peer);
      test(`${peer.name} is installed`, { skip: !required && 'it is not' }, () => {
        throw new Error(`${peer.name} is not installed`);
      });
      continue;
    }
    describe(`${peer.name} ${version}`, () => {
      before(async () => await peer.prepare?.());
      declare(peer, version);
    });
  }
}
