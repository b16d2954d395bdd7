// Theme, search, and scrolling boxes that the keyboard reaches. No library; works from a folder, without a server.
"use strict";
(() => {
  const root = document.documentElement;
  const dark = () => root.dataset.theme ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  const remember = (value) => { try { localStorage.setItem("theme", value); } catch { /* private window */ } };
  const button = document.getElementById("theme");
  const name = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remember(root.dataset.theme);
    name();
  });
  name();

  // A box that scrolls sideways gets a place in the tab order; one that fits does not.
  const reach = () => document.querySelectorAll("main pre, main .table, main .formula").forEach((box) => {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "scrolls sideways");
    } else if (box.getAttribute("role") === "region") {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
    }
  });
  reach();
  addEventListener("resize", reach);

  const list = document.getElementById("results");
  if (!list) return;
  const field = document.getElementById("q"), status = document.getElementById("found");
  const wanted = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) || [];
  const marked = (text, words) => {
    const line = document.createElement("small"), low = text.toLowerCase();
    const at = Math.max(0, Math.min(...words.map((w) => low.indexOf(w)).filter((n) => n >= 0).concat(1e9)) - 60);
    const piece = text.slice(at === 1e9 - 60 ? 0 : at).slice(0, 180);
    let rest = (at > 0 && at < 1e8 ? "… " : "") + piece;
    const pattern = new RegExp(words.map((w) => w.replace(/[^\p{L}\p{N}]/gu, "")).join("|"), "giu");
    let last = 0;
    for (const hit of rest.matchAll(pattern)) {
      line.append(rest.slice(last, hit.index));
      const mark = document.createElement("mark");
      mark.textContent = hit[0];
      line.append(mark);
      last = hit.index + hit[0].length;
    }
    line.append(rest.slice(last));
    return line;
  };
  const search = () => {
    const words = wanted(field.value);
    list.replaceChildren();
    if (!words.length) { status.textContent = "Type a word."; return; }
    const found = [];
    for (const part of window.SEARCH) {
      const head = part.h.toLowerCase(), text = part.x.toLowerCase();
      if (!words.every((w) => head.includes(w) || text.includes(w))) continue;
      const score = words.reduce((sum, w) => sum + (head.includes(w) ? 20 : 0) + text.split(w).length - 1, 0);
      found.push([score + (part.p.startsWith("glossary") && head === field.value.trim().toLowerCase() ? 99 : 0), part]);
    }
    found.sort((a, b) => b[0] - a[0]);
    status.textContent = found.length === 1 ? "1 place" : `${found.length} places`;
    for (const [, part] of found.slice(0, 30)) {
      const item = document.createElement("li"), link = document.createElement("a");
      link.href = part.p;
      link.textContent = part.t === part.h ? part.t : `${part.t}: ${part.h}`;
      item.append(link, marked(part.x, words));
      list.append(item);
    }
  };
  field.value = new URLSearchParams(location.search).get("q") || "";
  field.addEventListener("input", search);
  field.form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  search();
})();
