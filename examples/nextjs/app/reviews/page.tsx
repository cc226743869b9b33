import { connection } from "next/server";
import { Suspense } from "react";
import { second } from "@/lib/release";

// The reviews page is the streamed one: its frame is sent at once, and each block follows when it is ready. A proxy
// that collects answers before it passes them on makes this page as slow as its slowest block.

const blocks = [
  { id: "fresh", title: "This week", wait: 300, text: "“The mug is the one I reach for.” Ida" },
  { id: "older", title: "Last month", wait: 800, text: "“Six chairs, and they do stack.” Tomás" },
];

export default async function ReviewsPage() {
  await connection();
  return (
    <>
      <h1>{second ? "What people say" : "Reviews"}</h1>
      {blocks.map((block) => (
        <Suspense key={block.id} fallback={<p className="waiting">Fetching “{block.title}” …</p>}>
          <Reviews {...block} />
        </Suspense>
      ))}
    </>
  );
}

async function Reviews({ id, title, wait, text }: (typeof blocks)[number]) {
  await new Promise((done) => setTimeout(done, wait));
  return (
    <section id={id}>
      <h2>{title}</h2>
      <blockquote>{text}</blockquote>
      {second && <p className="stars">★★★★☆</p>}
    </section>
  );
}
