import { AlertReceivedError, illegalParameter, PeerError } from '../errors.ts';
import { type Alert, decodeAlert } from '../wire/alert.ts';

/** What an alert of the peer means for the connection. */
export type AlertMeaning = 'closeNotify' | 'ignored';

/** Reads the alerts of one connection (RFC 9846, Section 6), and bounds how many warnings it may send in a row. */
export class AlertReader {
  readonly #maxWarnings: number;
  #warnings = 0;

  constructor(maxWarnings: number) {
    this.#maxWarnings = maxWarnings;
  }

  /** Something other than an alert came. */
  reset(): void {
    this.#warnings = 0;
  }

  /** Throws {@link AlertReceivedError} for a fatal alert, `PeerError` for one that may not be. */
  read(fragment: Uint8Array, isTls13: boolean, phase: string): { alert: Alert; meaning: AlertMeaning } {
    const alert = readAlert(fragment);
    const { level, description, name } = alert;
    // "In TLS 1.3, the severity is implicit in the type of alert being sent, and the "level" field can safely be ignored."
    // (RFC 9846, Section 6)
    const closes = isTls13 && (name === 'closeNotify' || name === 'userCanceled');
    if (level === 2 && !closes) throw new AlertReceivedError(description, phase);
    if (level !== 1 && level !== 2) {
      throw illegalParameter('ERR_TLS_ALERT_LEVEL', `an alert of level ${level}; 1 and 2 exist`, 'RFC 9846, Section 6');
    }
    if (name === 'closeNotify') return { alert, meaning: 'closeNotify' };
    // In TLS 1.3 every other alert is an error, whatever its level says (RFC 9846, Section 6).
    if (isTls13 && name !== 'userCanceled') {
      throw new PeerError(
        'ERR_TLS_BAD_ALERT',
        'decodeError',
        `the alert ${name ?? description} came as a warning, which TLS 1.3 does not have`,
        { rfc: 'RFC 9846, Section 6' },
      );
    }
    this.#warnings++;
    if (this.#warnings > this.#maxWarnings) {
      throw new PeerError(
        'ERR_TLS_TOO_MANY_WARNINGS',
        'unexpectedMessage',
        `more than ${this.#maxWarnings} warning alerts in a row`,
      );
    }
    return { alert, meaning: 'ignored' };
  }
}

function readAlert(fragment: Uint8Array): Alert {
  try {
    return decodeAlert(fragment);
  } catch (cause) {
    throw new PeerError('ERR_TLS_BAD_ALERT', 'decodeError', 'an alert record does not hold exactly one alert', {
      rfc: 'RFC 9846, Section 5.1',
      cause,
    });
  }
}
