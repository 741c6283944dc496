// The comforts of the pages. Every page works without this file.

// Times in the zone of the reader; the title keeps UTC.
for (const element of document.querySelectorAll("time[datetime]:not([data-keep])")) {
  const time = new Date(element.dateTime);
  if (!Number.isNaN(time.getTime())) {
    element.title = element.textContent;
    element.textContent = time.toLocaleString(document.documentElement.lang, {
      dateStyle: "medium",
      timeStyle: "short",
    });
  }
}

// The zone in which the reader types times.
const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
for (const field of document.querySelectorAll("input[name=zone]")) {
  // A zone that came with earlier entries stays: the times were typed in it.
  if (timeZone && !field.value) field.value = timeZone;
}
for (const place of document.querySelectorAll("[data-zone]")) {
  const zone = document.querySelector("input[name=zone]")?.value || timeZone;
  if (zone) place.textContent = zone;
}

// An answer that cannot reach the server is kept on the page, and the page says so.
const { offline, unreached } = document.body.dataset;
const note = document.createElement("p");
note.className = "note";
note.setAttribute("role", "alert");
let sending;
function say(text) {
  note.textContent = text ?? "";
  sending?.append(note);
}
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    note.remove();
    sending = form;
    if (navigator.onLine === false) {
      event.preventDefault();
      say(offline);
    }
  });
}

// The browser may believe that it is online. Then the worker notices that the server does not answer. Browsers offer
// workers to pages over HTTPS only.
const workers = navigator.serviceWorker;
const scope = new URL("../", import.meta.url).pathname;
workers?.register(new URL("worker.js", import.meta.url), { scope }).catch(() => {});
workers?.addEventListener("message", ({ data }) => {
  if (data === "unreached") say(unreached);
});

// Lets this browser show tasks as notifications. A browser without them keeps the form hidden.
const push = document.querySelector("form[data-push-key]");
if (push && workers && "PushManager" in window) {
  push.hidden = false;
  push.addEventListener("submit", async (event) => {
    event.preventDefault();
    sending = push;
    try {
      const { pushManager } = await workers.ready;
      // One that was made for another key does not fit.
      await (await pushManager.getSubscription())?.unsubscribe();
      const options = { userVisibleOnly: true, applicationServerKey: push.dataset.pushKey };
      const { endpoint, keys } = (await pushManager.subscribe(options)).toJSON();
      Object.assign(push.elements.endpoint, { value: endpoint });
      Object.assign(push.elements.p256dh, { value: keys.p256dh });
      Object.assign(push.elements.auth, { value: keys.auth });
      push.submit();
    } catch {
      say(push.dataset.refused);
    }
  });
}

// A page in a frame tells the page around it how high it is, and that the task is answered. docs/people.md has the messages.
const around = window.location.ancestorOrigins?.[0];
const embedders = (document.body.dataset.embedders ?? "").split(" ").filter((origin) => origin && origin === (around ?? origin));
if (window.parent !== window && embedders.length > 0) {
  const tell = (message) => embedders.forEach((origin) => window.parent.postMessage(message, origin));
  const { answered, intent } = document.querySelector("main").dataset;
  tell({ type: "axme:ready" });
  const whole = document.documentElement;
  const height = () => tell({ type: "axme:height", height: Math.ceil(whole.getBoundingClientRect().height) });
  new ResizeObserver(height).observe(whole);
  if (answered) tell({ type: "axme:answered", intent_id: intent, outcome: answered });
}
