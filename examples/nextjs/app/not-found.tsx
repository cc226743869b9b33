import Link from "next/link";

export default function NotFound() {
  return (
    <>
      <h1>Nothing here</h1>
      <p>
        The shop does not sell this. <Link href="/">Back to the catalog</Link>
      </p>
    </>
  );
}
