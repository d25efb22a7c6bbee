/** The version of the policy that the APIs have. */
import type { StoreConnection } from './connection.ts';
import type { PolicyNotice } from './contract.ts';

export const policyNotice = ({ attempt, keys, redis }: StoreConnection): PolicyNotice => ({
  async announcePolicy(version) {
    await attempt(() => redis.set(keys.policy, version));
  },
  announcedPolicy: () => attempt(() => redis.get(keys.policy)),
});
