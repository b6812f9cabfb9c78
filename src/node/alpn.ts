/** The forms in which programs give ALPN protocols. */
import { outOfRange } from './node-errors.ts';

type Protocols = readonly string[] | NodeJS.ArrayBufferView;

/** `tls.convertALPNProtocols`: writes the protocols in wire form into `out.ALPNProtocols`. */
export function convertALPNProtocols(protocols: Protocols, out: { ALPNProtocols?: Buffer }): void {
  if (Array.isArray(protocols)) {
    out.ALPNProtocols = Buffer.concat(
      protocols.map((protocol: string, index) => {
        const length = Buffer.byteLength(`${protocol}`);
        if (length > 255) {
          const error = outOfRange('', '<= 255', length);
          error.message = `The byte length of the protocol at index ${index} exceeds the maximum length. It must be <= 255. Received ${length}`;
          throw error;
        }
        return Buffer.concat([Buffer.of(length), Buffer.from(`${protocol}`)]);
      }),
    );
  } else if (ArrayBuffer.isView(protocols)) {
    // A copy: the program may go on using its own.
    out.ALPNProtocols = Buffer.from(Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength));
  }
}

/** The protocols of the wire form. */
export function alpnList(wire: Uint8Array | undefined): string[] {
  const list: string[] = [];
  if (wire === undefined) return list;
  for (let at = 0; at < wire.length; at += 1 + wire[at]!) {
    list.push(Buffer.from(wire.subarray(at + 1, at + 1 + wire[at]!)).toString('latin1'));
  }
  return list;
}
