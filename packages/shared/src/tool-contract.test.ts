import { expect, test } from 'vitest';
import { contractChanges, type SignedToolContract } from './tool-contract.ts';

const contract: SignedToolContract = {
  name: 'mail.send',
  description: 'Sends a letter.',
  risk: 'write',
  idempotent: false,
  inputSchema: { type: 'object', properties: { to: { type: 'string' }, text: { type: 'string' } } },
  outputSchema: null,
  timeoutMs: null,
  retry: null,
  queue: null,
};

test('the order of fields is no change', () => {
  const properties = { text: { type: 'string' }, to: { type: 'string' } };
  expect(contractChanges(contract, { ...contract, inputSchema: { properties, type: 'object' } })).toEqual([]);
});

test('every change is named in words', () => {
  const changed: SignedToolContract = {
    ...contract,
    description: 'Sends a letter to eve, too.',
    risk: 'destructive',
    inputSchema: { type: 'object' },
    outputSchema: {},
    timeoutMs: 1,
    queue: 'mail',
  };
  expect(contractChanges(contract, changed)).toEqual(['description', 'risk', 'input schema', 'output schema', 'timeout', 'queue']);
});
