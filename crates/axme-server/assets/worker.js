// Says so when the server cannot be reached. It keeps no task and no answer: only the page that says so, and its files.

const here = (name) => new URL(name, self.location).href;
const OFFLINE = here("offline");
const KEPT = [OFFLINE, here("style.css"), here("favicon.svg"), here("page.js")];
const PAGES = [here("../inbox"), here("./")];

self.addEventListener("install", (event) => {
  const fresh = KEPT.map((url) => new Request(url, { cache: "reload" }));
  const keep = caches.open("axme").then((cache) => cache.addAll(fresh));
  event.waitUntil(keep.then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const kept = (url) => caches.match(url, { ignoreVary: true }).then((page) => page ?? Response.error());
  if (request.mode === "navigate" && PAGES.some((page) => request.url.startsWith(page))) {
    const instead = request.method === "GET" ? () => kept(OFFLINE) : stay;
    event.respondWith(fetch(request).catch(instead));
  } else if (KEPT.includes(request.url)) {
    event.respondWith(fetch(request).catch(() => kept(request.url)));
  }
});

// Shows a task that waits. A later notification about the same task takes the place of the earlier one.
self.addEventListener("push", (event) => {
  const { title, body, tag, url } = event.data.json();
  const icon = here("icon-512.png");
  event.waitUntil(self.registration.showNotification(title, { body, tag: tag ?? "tasks", icon, data: { url } }));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(event.notification.data.url));
});

async function show(url) {
  const pages = await self.clients.matchAll({ type: "window" });
  const open = pages.find((page) => page.url === url);
  return open ? open.focus() : self.clients.openWindow(url);
}

// Leaves the page with its entries where it is, and lets it say what happened.
async function stay() {
  for (const page of await self.clients.matchAll({ type: "window" })) page.postMessage("unreached");
  return new Response(null, { status: 204 });
}
