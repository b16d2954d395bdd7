// Theme, search, contents on a phone, buttons that copy code, meanings of words, scrolling boxes that the keyboard
// reaches. No library; works from a folder, without a server.
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

  // On a phone the chapters are folded away behind a button.
  const contents = document.getElementById("contents"), chapters = document.getElementById("chapters");
  contents.addEventListener("click", () => {
    const open = chapters.classList.toggle("open");
    contents.setAttribute("aria-expanded", open);
    if (open) chapters.querySelector("a").focus();
  });

  if (navigator.clipboard) {
    for (const code of document.querySelectorAll(".input .highlight")) {
      const copy = document.createElement("button");
      copy.type = "button";
      copy.className = "copy";
      copy.textContent = "Copy";
      copy.setAttribute("aria-label", "Copy this code");
      copy.addEventListener("click", async () => {
        await navigator.clipboard.writeText(code.querySelector("pre").textContent.trimEnd());
        copy.textContent = "Copied";
        setTimeout(() => { copy.textContent = "Copy"; }, 1500);
      });
      code.append(copy);
    }
  }

  // The meaning of a word of the glossary, where the pointer or the focus is; Escape closes it.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.role = "tooltip";
  tip.hidden = true;
  document.body.append(tip);
  const close = () => { tip.hidden = true; };
  for (const word of document.querySelectorAll("a.word")) {
    const meaning = word.title;
    word.removeAttribute("title"); // it is for readers without scripts
    word.setAttribute("aria-describedby", "tip");
    const open = () => {
      tip.textContent = meaning;
      tip.hidden = false;
      const box = word.getClientRects()[0], wide = root.clientWidth;
      tip.style.left = `${Math.max(8, Math.min(box.left, wide - tip.offsetWidth - 8))}px`;
      const below = box.bottom + 6, fits = below + tip.offsetHeight < innerHeight;
      tip.style.top = `${fits ? below : box.top - tip.offsetHeight - 6}px`;
    };
    word.addEventListener("pointerenter", open);
    word.addEventListener("focus", open);
    word.addEventListener("pointerleave", close);
    word.addEventListener("blur", close);
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  addEventListener("scroll", close, { passive: true });

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
