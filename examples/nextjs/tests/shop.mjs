// Starts a built version of the shop for a test file. SHOP_OUT names the build (default out/v1).
import { spawn } from "node:child_process";
import { createServer } from "node:net";
import path from "node:path";

/** start runs the shop on a free port and gives its address, what it wrote, and a function that stops it. */
export async function start(folder = process.env.SHOP_OUT ?? "out/v1") {
  const port = await freePort();
  const child = spawn(process.execPath, [path.resolve(folder, "server.js")], {
    env: { ...process.env, PORT: String(port), HOSTNAME: "127.0.0.1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (data) => (log += data));
  const gone = new Promise((done) => child.once("exit", done));
  const url = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const answer = await fetch(`${url}/api/health`).catch(() => undefined);
    if (answer?.ok) break;
    if (tries === 200 || child.exitCode !== null) {
      child.kill("SIGKILL");
      throw new Error(`${folder} did not start (has build.sh built it?): ${log}`);
    }
    await new Promise((done) => setTimeout(done, 50));
  }
  const stop = () => {
    child.kill("SIGKILL");
    return gone;
  };
  return { url, stop };
}

/** form reads the fields of the form around a button, as a browser without script would send them. */
export function form(html, button) {
  const all = html.match(/<form[^>]*>.*?<\/form>/gs) ?? [];
  const found = all.find((text) => text.includes(`>${button}</button>`));
  if (!found) throw new Error(`no form with the button "${button}" among ${all.length} forms`);
  const fields = new FormData();
  for (const [input] of found.matchAll(/<input[^>]*>/g)) {
    fields.set(/name="([^"]*)"/.exec(input)?.[1] ?? "", /value="([^"]*)"/.exec(input)?.[1] ?? "");
  }
  return fields;
}

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
