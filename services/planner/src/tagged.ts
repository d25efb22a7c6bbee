/**
 * Data in a prompt: between tags that it can't close. Whatever comes from a plan, a tool, a person or an error is put into
 * a prompt by `tagged`, so that none of it can pass for the words around it.
 */
import { tagEscaper } from '@countersign/shared';

const TAGS = ['tools', 'named-conditions', 'plan-input', 'objective', 'current-plan', 'outcomes', 'feedback', 'issues'] as const;
export type Tag = (typeof TAGS)[number];

const escapeTags = tagEscaper(TAGS);

export const tagged = (tag: Tag, data: string): string => `<${tag}>\n${escapeTags(data)}\n</${tag}>`;
