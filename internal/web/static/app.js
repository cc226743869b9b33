// Keeps open pages current and adds the keyboard. Pages work without it.
(() => {
  "use strict";
  const $ = (sel, root = document) => root.querySelector(sel);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (!document.cookie.includes("slipway_zone=" + encodeURIComponent(zone)))
    document.cookie = "slipway_zone=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=lax";

  const opened = Date.now(), done = new URL(location.href);
  if (done.searchParams.has("done")) { done.searchParams.delete("done"); history.replaceState(null, "", done); }
  const here = $(".top nav [aria-current]");
  if (here) here.scrollIntoView({ block: "nearest", inline: "center" });

  // live: when the log moved, fetch this page again and morph its live parts.
  const tick = document.body.dataset.tick, lost = $("#lost");
  let stream, busy = false, again = false, asOf = $("#asof") && $("#asof").textContent;
  const dirty = new WeakSet();
  document.addEventListener("input", (e) => e.target.form && dirty.add(e.target.form));
  const keep = (old, next) => {
    if (old.nodeType !== 1) return true;
    if (old.localName === "details" && old.open && $("form", old)) {
      // An opened confirmation stays as it was read. Only while it still says the same does its revision move on.
      const effect = (n) => (n.querySelector && $(".effect", n) || {}).textContent;
      const from = next.querySelector && $("[name=revision]", next), at = $("[name=revision]", old);
      if (from && at && effect(old) === effect(next)) at.value = from.value;
      return false;
    }
    return !(old.localName === "form" && dirty.has(old));
  };
  const morph = (html) => {
    const doc = new DOMParser().parseFromString(html, "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const next = doc.getElementById(part.id);
      if (next) Idiomorph.morph(part, next, { ignoreActiveValue: true, callbacks: {
        beforeNodeMorphed: keep,
        beforeNodeRemoved: (n) => !(n.nodeType === 1 && (n.id === "lost" || (n.id === "done" && Date.now() - opened < 15000) || n.contains(document.activeElement))),
        beforeAttributeUpdated: (name, n) => !(n.id === "lost" && name === "hidden") && !(n.localName === "details" && name === "open"),
      } });
    }
    asOf = $("#asof").textContent;
    document.body.dataset.head = doc.body.dataset.head;
  };
  const away = (yes) => {
    lost.hidden = !yes;
    if (yes) lost.textContent = "Connection lost. This page shows what was so at " + asOf + ".";
  };
  const look = async () => {
    if (busy) { again = true; return; }
    busy = true;
    try {
      const r = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
      if (r.status === 401) { location.reload(); return; }
      if (r.ok) { morph(await r.text()); away(false); } else away(true);
    } catch { away(true); } finally { busy = false; }
    if (again) { again = false; look(); }
  };
  const listen = () => {
    if (stream || document.hidden) return;
    stream = new EventSource("/live?tick=" + encodeURIComponent(tick) + "&after=" + document.body.dataset.head);
    let first = true;
    stream.onopen = () => { if (!first || !lost.hidden) look(); first = false; };
    stream.onmessage = look;
    stream.onerror = () => { away(true); if (stream.readyState === 2) { stop(); setTimeout(listen, 5000); } };
  };
  const stop = () => { if (stream) stream.close(); stream = null; };
  if (tick && lost && window.EventSource) {
    listen();
    document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else { look(); listen(); } });
    addEventListener("pagehide", stop);
  }

  // the editor: buttons that only change the form, and what sample users get while one types. Both are the posts that
  // are made without script too; of the answer only the parts that moved are taken.
  const editor = $("form[data-editor]");
  if (editor) {
    let turn = 0, timer;
    const named = () => new Set([...editor.querySelectorAll("[id]")].map((n) => n.id));
    const send = async (value) => {
      const mine = ++turn, tries = value === "try", body = new URLSearchParams(new FormData(editor)), before = named();
      body.set("do", value);
      const r = await fetch(editor.action, { method: "POST", body, redirect: "error" }).catch(() => null);
      if (!r || (tries && mine !== turn)) return;
      const doc = new DOMParser().parseFromString(await r.text(), "text/html");
      for (const id of tries ? ["tried"] : ["editor", "tried"]) {
        const old = document.getElementById(id), next = doc.getElementById(id);
        if (old && next) Idiomorph.morph(old, next, { ignoreActiveValue: true });
      }
      if (!value.startsWith("add:")) return;
      const fresh = [...editor.querySelectorAll(".ask [id]")].find((n) => !before.has(n.id) && n.matches("input, select"));
      if (fresh) fresh.focus();
    };
    document.addEventListener("submit", (e) => {
      const b = e.submitter;
      if (e.target !== editor || !b || !b.hasAttribute("data-inline")) return;
      e.preventDefault();
      clearTimeout(timer);
      send(b.value);
    });
    document.addEventListener("input", (e) => {
      if (e.target.form !== editor || e.target.name === "reason") return;
      clearTimeout(timer);
      timer = setTimeout(send, 300, "try");
    });
    if ($("#samples")) send("try");
  }

  // keyboard: j and k walk the rows, g and a letter goes to a page, / filters, ? explains.
  let g = 0;
  const rows = () => [...document.querySelectorAll("[data-row] a")].filter((a, i, all) => {
    const row = a.closest("[data-row]");
    return all.findIndex((b) => b.closest("[data-row]") === row) === i;
  });
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || /^(input|textarea|select)$/i.test(e.target.tagName)) return;
    const now = Date.now();
    if (now - g < 1500 && /^[a-z]$/.test(e.key)) {
      const a = $('[data-key="' + e.key + '"]');
      g = 0;
      if (a) { e.preventDefault(); location.href = a.href; }
    } else if (e.key === "g") g = now;
    else if (e.key === "?") location.href = "/keys";
    else if (e.key === "/") { const f = $("[data-find]"); if (f) { e.preventDefault(); f.focus(); f.select && f.select(); } }
    else if (e.key === "j" || e.key === "k") {
      const all = rows(), at = all.findIndex((a) => a === document.activeElement);
      const next = all[e.key === "j" ? Math.min(at + 1, all.length - 1) : Math.max(at - 1, 0)];
      if (next) { e.preventDefault(); next.focus(); }
    } else if (e.key === "Escape") for (const d of document.querySelectorAll("details[open]")) d.open = false;
  });
})();
