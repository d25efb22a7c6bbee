export { type EmbeddedRedis, type EmbeddedRedisOptions, startEmbeddedRedis } from './embedded-redis.ts';
export { checkRedis, type RedisCheck, type RedisCheckLogger, type RedisFinding } from './redis-check.ts';
