"use client";

import { useEffect, useState } from "react";

/** Late is the fault of a page that moves: it takes its place when the page was painted already. */
export function Late({ height }: { height: number }) {
  const [here, setHere] = useState(false);
  useEffect(() => {
    const timer = setInterval(() => setHere(performance.getEntriesByType("paint").length > 0), 100);
    return () => clearInterval(timer);
  }, []);
  return <div id="late" style={{ height: here ? height : 0 }} />;
}
