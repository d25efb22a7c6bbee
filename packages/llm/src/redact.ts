/** Replaces every secret in a text: servers like to quote the key that they refuse. */
export function redact(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) if (secret !== '') safe = safe.replaceAll(secret, '[key]');
  return safe;
}
