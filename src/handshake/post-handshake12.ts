import type { MasterSecret } from './key-schedule12.ts';
import { noRenegotiation, notInThisVersion, unexpectedAfterHandshake } from './post-handshake.ts';
import type { Agreement, Established } from './result.ts';

/** A TLS 1.2 connection once both Finished have come. Nothing but application data and alerts follows. */
export function establish12(agreement: Agreement, master: MasterSecret): Established {
  return {
    agreement,
    exportKeyingMaterial: (length, label, context) => master.exportKeyingMaterial(length, label, context),
    due: [],
    // biome-ignore lint/correctness/useYield: every message is refused at once
    *receive(message) {
      if (message.type === 'helloRequest' || message.type === 'clientHello') throw noRenegotiation();
      throw unexpectedAfterHandshake(message);
    },
    updateKeys() {
      throw notInThisVersion('updateKeys');
    },
    // biome-ignore lint/correctness/useYield: TLS 1.2 would need a renegotiation
    *requestClientCertificate() {
      throw notInThisVersion('requestClientCertificate');
    },
    latePeer: () => undefined,
    destroy: () => master.destroy(),
  };
}
