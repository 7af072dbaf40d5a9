// What the panel can do better with scripts. Without them everything works, too.
"use strict";

(function () {
  // The reader's time zone, for the server to write dates in.
  try {
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (zone && !document.cookie.includes("tz=" + encodeURIComponent(zone))) {
      document.cookie = "tz=" + encodeURIComponent(zone) + "; path=/; max-age=31536000; samesite=lax";
    }
  } catch (error) {
    // An old browser: the server's zone will do.
  }

  // One tick for all on the page; shift extends a choice.
  let last = null;
  document.addEventListener("click", function (event) {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || box.type !== "checkbox") return;
    const boxes = (name) => Array.from(box.form ? box.form.querySelectorAll('input[type="checkbox"][name="' + name + '"]') : []);
    if (box.dataset.all) {
      boxes(box.dataset.all).forEach((other) => { other.checked = box.checked; });
    } else if (box.name === "id") {
      const all = boxes("id");
      if (event.shiftKey && last && all.includes(last)) {
        const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
        all.slice(from, to + 1).forEach((other) => { other.checked = box.checked; });
      }
      last = box;
    }
  });

  function ready() {
    document.querySelectorAll("input[data-all]").forEach((box) => { box.hidden = false; });
    document.querySelectorAll("[data-events]").forEach(listen);
    document.querySelectorAll("[data-needs-script]").forEach((part) => { part.hidden = false; });
  }

  // News of what arrives, without reloading under somebody's hands.
  function listen(note) {
    if (note.dataset.listening || !window.EventSource) return;
    note.dataset.listening = "1";
    const source = new EventSource(note.dataset.events);
    source.addEventListener("came", () => { note.hidden = false; });
    window.addEventListener("pagehide", () => source.close());
  }

  // Keys: / searches, j and k walk, x ticks, Enter opens, and what the buttons say.
  let row = -1;
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const in_field = event.target instanceof HTMLElement && event.target.closest("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && in_field) { event.target.blur(); return; }
    if (in_field) return;
    const rows = Array.from(document.querySelectorAll("table.cards tbody tr"));
    if ((event.key === "j" || event.key === "k") && rows.length) {
      row = Math.max(0, Math.min(rows.length - 1, row + (event.key === "j" ? 1 : -1)));
      const link = rows[row].querySelector("a");
      if (link) link.focus();
      event.preventDefault();
    } else if (event.key === "x" && rows[row]) {
      const box = rows[row].querySelector('input[type="checkbox"]');
      if (box) box.click();
      event.preventDefault();
    } else {
      const target = Array.from(document.querySelectorAll("[data-key]")).find((part) => part.dataset.key === event.key);
      if (target) {
        event.preventDefault();
        if (target instanceof HTMLInputElement) target.focus(); else target.click();
      }
    }
  });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready); else ready();
  document.addEventListener("htmx:afterSettle", function () {
    row = -1;
    ready();
    const content = document.getElementById("content");
    if (content && document.activeElement === document.body) content.focus({ preventScroll: true });
  });
})();
