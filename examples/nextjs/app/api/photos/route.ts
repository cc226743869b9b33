import { createHash } from "node:crypto";
import { version } from "@/lib/release";

export const dynamic = "force-dynamic";

/** POST takes a visitor's photo of any size as a stream, keeps nothing of it, and answers with its size and SHA-256. */
export async function POST(request: Request): Promise<Response> {
  const hash = createHash("sha256");
  let bytes = 0;
  const reader = request.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    hash.update(part.value);
    bytes += part.value.byteLength;
  }
  return Response.json({ version, bytes, sha256: hash.digest("hex") }, { status: 201 });
}
