/**
 * Data in a prompt: between tags that it can't close. Whatever comes from a plan, a tool, a person or an error is put into
 * a prompt by `tagged`, so that none of it can pass for the words around it.
 */
const TAGS = ['tools', 'named-conditions', 'plan-input', 'objective', 'current-plan', 'outcomes', 'feedback', 'issues'] as const;
export type Tag = (typeof TAGS)[number];

/** A `<` that begins one of the tags, opening or closing, in whatever spelling a reader may take for it. */
const TAG_START = new RegExp(`<(?=[\\s/\\p{Cf}]*(?:${TAGS.join('|')})(?![A-Za-z]))`, 'giu');

export const tagged = (tag: Tag, data: string): string => `<${tag}>\n${data.replace(TAG_START, '\\u003c')}\n</${tag}>`;
