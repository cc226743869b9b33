"use client";

/** Failure is shown in place of a page that could not be rendered. */
export default function Failure({ reset }: { error: Error; reset: () => void }) {
  return (
    <>
      <h1>That did not work</h1>
      <p>The page could not be shown. Trying again often helps.</p>
      <button type="button" onClick={reset}>
        Try again
      </button>
    </>
  );
}
