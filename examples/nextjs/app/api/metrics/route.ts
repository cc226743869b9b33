import { answers } from "@/lib/answers";
import { version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** GET says what was answered so far, in the format of Prometheus. */
export function GET(): Response {
  return new Response(answers().text(version), {
    headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store" },
  });
}
