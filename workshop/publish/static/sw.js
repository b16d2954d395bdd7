// Keeps the site for visits without a network: all of it but language models and notebooks, which are kept once fetched.
"use strict";
const STORE = "STORE";
const FILES = ["FILES"];

addEventListener("install", (event) => event.waitUntil((async () => {
  const store = await caches.open(STORE);
  await store.addAll(FILES.map((name) => new Request(name, { cache: "no-cache" }))); // asks whether it has changed
  await self.skipWaiting();
})()));

addEventListener("activate", (event) => event.waitUntil((async () => {
  const old = (await caches.keys()).filter((name) => name.startsWith("htr-") && name !== STORE);
  await Promise.all(old.map((name) => caches.delete(name)));
  await self.clients.claim();
})()));

addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== location.origin) return;
  event.respondWith((async () => {
    const store = await caches.open(STORE);
    const plain = request.url.replace(/[?#].*$/, "").replace(/\/$/, "/index.html");
    const hit = await store.match(plain);
    if (hit) return hit;
    const answer = await fetch(request);
    if (answer.status === 200) await store.put(plain, answer.clone());
    return answer;
  })());
});
