import { Reader } from '../bytes/reader.ts';
import { Writer } from '../bytes/writer.ts';
import { maxEarlyData } from './extension-codecs.ts';
import { decodeExtensions, type ExtensionBlock, encodeExtensions } from './extensions.ts';

/** Extensions of a TLS 1.3 NewSessionTicket; here the value of early_data is max_early_data_size in bytes. */
export const newSessionTicketExtensions = { earlyData: maxEarlyData } as const;

/** The NewSessionTicket of TLS 1.3 (RFC 9846, Section 4.6.1). */
export type NewSessionTicket13 = Partial<ExtensionBlock<typeof newSessionTicketExtensions>> & {
  /** Seconds; at most 604,800. */
  ticketLifetime: number;
  ticketAgeAdd: number;
  ticketNonce: Uint8Array;
  ticket: Uint8Array;
};

export function encodeNewSessionTicket13(message: NewSessionTicket13): Uint8Array {
  const writer = Writer.passing(message.ticket.length + 64)
    .u32(message.ticketLifetime)
    .u32(message.ticketAgeAdd)
    .vector8(message.ticketNonce)
    .vector16(message.ticket);
  encodeExtensions(writer, newSessionTicketExtensions, message);
  return writer.finish();
}

export function decodeNewSessionTicket13(body: Uint8Array): NewSessionTicket13 {
  const reader = new Reader(body, 'newSessionTicket');
  const ticketLifetime = reader.u32();
  const ticketAgeAdd = reader.u32();
  const ticketNonce = reader.vector8();
  const ticket = reader.vector16(1);
  const { extensions, extensionOrder, otherExtensions } = decodeExtensions(
    reader,
    newSessionTicketExtensions,
    'newSessionTicket',
  );
  reader.end();
  return { ticketLifetime, ticketAgeAdd, ticketNonce, ticket, extensions, extensionOrder, otherExtensions };
}

/** The NewSessionTicket of TLS 1.2 (RFC 5077, Section 3.3). */
export interface NewSessionTicket12 {
  /** Seconds; 0 leaves the lifetime to the client. */
  ticketLifetimeHint: number;
  /** Empty where the server decided to send none after all. */
  ticket: Uint8Array;
}

export function encodeNewSessionTicket12(message: NewSessionTicket12): Uint8Array {
  return Writer.passing(message.ticket.length + 8)
    .u32(message.ticketLifetimeHint)
    .vector16(message.ticket)
    .finish();
}

export function decodeNewSessionTicket12(body: Uint8Array): NewSessionTicket12 {
  const reader = new Reader(body, 'newSessionTicket');
  const message = { ticketLifetimeHint: reader.u32(), ticket: reader.vector16() };
  reader.end();
  return message;
}
