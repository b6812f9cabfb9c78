/** The forms in which programs give ALPN protocols. */
import { invalidArgValue, outOfRange } from '../base/node-errors.ts';
import { nodeMajor } from './settings.ts';

type Protocols = readonly string[] | NodeJS.ArrayBufferView;

/** `tls.convertALPNProtocols`: writes the protocols in wire form into `out.ALPNProtocols`. */
export function convertALPNProtocols(protocols: Protocols, out: { ALPNProtocols?: Buffer }): void {
  if (Array.isArray(protocols)) {
    out.ALPNProtocols = Buffer.concat(
      protocols.map((protocol: string, index) => {
        const length = Buffer.byteLength(protocol);
        if (strict && length === 0) {
          throw invalidArgValue(`protocols[${index}]`, protocol, 'must be a non-empty string');
        }
        if (length > 255) {
          const error = outOfRange('', '<= 255', length);
          error.message = `The byte length of the protocol at index ${index} exceeds the maximum length. It must be <= 255. Received ${length}`;
          throw error;
        }
        return Buffer.concat([Buffer.of(length), Buffer.from(protocol)]);
      }),
    );
  } else if (ArrayBuffer.isView(protocols)) {
    // A copy: the program may go on using its own.
    const wire = Buffer.from(Buffer.from(protocols.buffer, protocols.byteOffset, protocols.byteLength));
    if (strict) checkWire(wire);
    out.ALPNProtocols = wire;
  }
}

/** Node 24 and later take only lists that are well formed (RFC 7301, Section 3.1); the ones before take any bytes. */
const strict = nodeMajor >= 24;

function checkWire(wire: Buffer): void {
  for (let at = 0; at < wire.length; at += 1 + wire[at]!) {
    if (wire[at] === 0) throw invalidArgValue('ALPNProtocols', wire, 'must not contain zero-length protocol');
    if (at + 1 + wire[at]! > wire.length) {
      throw invalidArgValue('ALPNProtocols', wire, 'contains truncated protocol');
    }
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
