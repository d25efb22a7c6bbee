/** Times are kept in ms since 1970 and read as ISO 8601 UTC. */
export function isoTime(ms: string | number | undefined): string | null {
  const value = Number(ms);
  return ms === undefined || ms === '' || value === 0 ? null : new Date(value).toISOString();
}
