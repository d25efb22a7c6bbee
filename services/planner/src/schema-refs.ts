/** `$ref` in JSON Schemas of tools: only what stands in the same schema can be looked up. */
import { isObject, type Json, type JsonObject } from '@countersign/shared';

/** What `ref`, like `#/$defs/Address`, names in `root`; undefined where it is nothing, or somewhere else. */
export function lookUp(ref: Json | undefined, root: JsonObject): Json | undefined {
  if (typeof ref !== 'string' || !/^#(\/|$)/.test(ref)) return undefined;
  let at: Json | undefined = root;
  for (const part of ref.split('/').slice(1)) {
    const key = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~');
    at = isObject(at) && Object.hasOwn(at, key) ? (at as JsonObject)[key] : undefined;
  }
  return at;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
