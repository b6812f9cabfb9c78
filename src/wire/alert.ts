import { type AlertName, alertCodes, alertName, decodeError } from '../errors.ts';

/** RFC 9846, Section 6. */
export interface Alert {
  /** 1 warning, 2 fatal. */
  level: number;
  description: number;
  /** The name of the description, where it has one. */
  name: AlertName | undefined;
}

/** Encodes an alert: `close_notify`, `user_canceled` and `no_renegotiation` as warnings, all others as fatal. */
export function encodeAlert(name: AlertName): Uint8Array {
  const warning = name === 'closeNotify' || name === 'userCanceled' || name === 'noRenegotiation';
  return Uint8Array.of(warning ? 1 : 2, alertCodes[name]);
}

/** Decodes the fragment of an alert record, which holds exactly one alert. */
export function decodeAlert(fragment: Uint8Array): Alert {
  if (fragment.length !== 2) throw decodeError('alert: it has not exactly two bytes', 'RFC 9846, Section 5.1');
  const level = fragment[0] as number;
  const description = fragment[1] as number;
  return { level, description, name: alertName(description) };
}
