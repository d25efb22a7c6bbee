// The health check of the images: asks the process of this container, and ends with 0 when it answers 200.
// The argument is the path, /healthz or /readyz; the port is the setting that serves it.
const [path = '/healthz'] = process.argv.slice(2);
const { PORT, HEALTH_PORT } = process.env;
const port = HEALTH_PORT || PORT;

try {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(4_000) });
  console.log(`${path} ${response.status}: ${await response.text()}`);
  process.exitCode = response.ok ? 0 : 1;
} catch (error) {
  console.log(`${path}: ${error.cause?.message ?? error.message}`);
  process.exitCode = 1;
}
