/** register is called by Next once, before the first request: from then on every answer is counted. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { watch } = await import("./lib/telemetry");
  await watch();
}
