// A stand-in for the database that all versions of the shop share: PORT=5000 node scripts/database.mjs
//
//   GET  /stock/mug                how many are left
//   POST /slow?ms=500&spread=550   from now on each answer takes 500 ms and up to 550 more; ms=0 makes it fast again
import { createServer } from "node:http";

let least = 0;
let spread = 0;
let asked = 0;

const server = createServer((request, response) => {
  const url = new URL(request.url ?? "/", "http://database");
  const answer = (status, body) => {
    response.writeHead(status, { "Content-Type": "application/json" });
    response.end(JSON.stringify(body));
  };
  if (request.method === "POST" && url.pathname === "/slow") {
    least = Number(url.searchParams.get("ms") ?? 0);
    spread = Number(url.searchParams.get("spread") ?? 0);
    return answer(200, { least, spread, asked });
  }
  const product = /^\/stock\/([a-z]{1,40})$/.exec(url.pathname);
  if (!product) return answer(404, { error: "there is nothing here" });
  asked++;
  setTimeout(
    () => answer(200, { slug: product[1], left: 3 + (product[1].length % 9) }),
    least + Math.random() * spread,
  );
});
server.listen(Number(process.env.PORT ?? 5000), process.env.HOSTNAME ?? "127.0.0.1");
