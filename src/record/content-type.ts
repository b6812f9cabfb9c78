/** ContentType of a record (RFC 9846, Section 5.1). */
export const contentTypes = {
  changeCipherSpec: 20,
  alert: 21,
  handshake: 22,
  applicationData: 23,
} as const;

/** Whether a record of this type may exist at all. */
export function isContentType(type: number): boolean {
  return type >= contentTypes.changeCipherSpec && type <= contentTypes.applicationData;
}
