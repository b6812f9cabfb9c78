/** `YYMMDDHHMMSSZ` in milliseconds since 1970, or `undefined` for any other form or a date that does not exist. */
export function parseUtcTime(bytes: Uint8Array, start: number, stop: number): number | undefined {
  if (stop - start !== 13) return undefined;
  const year = twoDigits(bytes, start);
  if (year < 0) return undefined;
  // RFC 5280, Section 4.1.2.5.1: YY from 50 on is 19YY, below it is 20YY.
  return parseRest(bytes, start + 2, year < 50 ? 2000 + year : 1900 + year);
}

/** `YYYYMMDDHHMMSSZ` in milliseconds since 1970, or `undefined` (RFC 5280, Section 4.1.2.5.2). */
export function parseGeneralizedTime(bytes: Uint8Array, start: number, stop: number): number | undefined {
  if (stop - start !== 15) return undefined;
  const century = twoDigits(bytes, start);
  const year = twoDigits(bytes, start + 2);
  if (century < 0 || year < 0) return undefined;
  return parseRest(bytes, start + 4, century * 100 + year);
}

function parseRest(bytes: Uint8Array, at: number, year: number): number | undefined {
  const month = twoDigits(bytes, at);
  const day = twoDigits(bytes, at + 2);
  const hour = twoDigits(bytes, at + 4);
  const minute = twoDigits(bytes, at + 6);
  const second = twoDigits(bytes, at + 8);
  if (bytes[at + 10] !== 0x5a || year < 0) return undefined;
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  return (daysSince1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000;
}

function twoDigits(bytes: Uint8Array, at: number): number {
  const high = (bytes[at] as number) - 0x30;
  const low = (bytes[at + 1] as number) - 0x30;
  return high < 0 || high > 9 || low < 0 || low > 9 ? -1 : high * 10 + low;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

// The proleptic Gregorian calendar counted from March, where the leap day comes last. (Date.UTC maps years below
// 100 to 19xx and costs more.)
function daysSince1970(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146097 + dayOfEra - 719468;
}
