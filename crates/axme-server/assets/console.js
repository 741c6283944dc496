// The comforts of the console: live parts, counting times, narrowing, copying, keys. Every page works without this file.

const REFRESH_SECONDS = 5;
const language = document.documentElement.lang;

// Times whose text is an age keep it; the title has the moment in the zone of the reader.
function titles(root) {
  for (const element of root.querySelectorAll("time[data-keep]")) {
    const time = new Date(element.dateTime);
    if (!Number.isNaN(time.getTime())) element.title = time.toLocaleString(language);
  }
  for (const element of root.querySelectorAll("time[datetime]:not([data-keep]):not([title])")) {
    const time = new Date(element.dateTime);
    if (Number.isNaN(time.getTime())) continue;
    element.title = element.textContent;
    element.textContent = time.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
  }
}

function span(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86400)} d`;
}

// Deadlines count down.
function count() {
  for (const element of document.querySelectorAll("time[data-count]")) {
    const seconds = Math.round((new Date(element.dateTime) - Date.now()) / 1000);
    if (!Number.isNaN(seconds)) element.textContent = seconds > 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
  }
}

// Replaces the live parts of the page that have changed. A part that the reader works in waits.
const sources = new Map();
let events;
let busy = false;

function isInUse(part) {
  return part.contains(document.activeElement) || part.querySelector("input:checked, details[open]");
}

async function refresh() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]:not([data-live=no])")) {
      const fresh = next.getElementById(part.id);
      if (!fresh || sources.get(part.id) === fresh.innerHTML || isInUse(part)) continue;
      sources.set(part.id, fresh.innerHTML);
      part.replaceChildren(...document.importNode(fresh, true).childNodes);
      decorate(part);
      narrow();
    }
    // The intent has ended: nothing more comes.
    if (events && !next.querySelector("[data-stream]")) events.close();
  } catch {
    // The server is away: the next round asks again.
  } finally {
    busy = false;
  }
}

const stream = document.querySelector("[data-stream]");
if (stream) {
  events = new EventSource(stream.dataset.stream);
  let waiting;
  const soon = () => {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 150);
  };
  // The types of the events are their names, so each known one is listened to.
  const kinds = ["created", "submitted", "delivered", "acknowledged", "in_progress", "waiting", "human_task_assigned", "transfer",
    "reminder", "escalated", "delivery_failed", "timeout", "completed", "failed", "canceled", "timed_out"];
  for (const kind of kinds) events.addEventListener(`intent.${kind}`, soon);
} else if (document.querySelector("[data-live]:not([data-live=no])")) {
  setInterval(refresh, REFRESH_SECONDS * 1000);
}

// Narrows the rows of this page to the words in the field.
const quick = document.querySelector("[data-narrow]");
function narrow() {
  if (!quick) return;
  const words = quick.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of document.querySelectorAll(`${quick.dataset.narrow} > tr`)) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
}
if (quick) {
  quick.closest("[hidden]")?.removeAttribute("hidden");
  quick.addEventListener("input", narrow);
}

// The number beside a slider.
for (const slider of document.querySelectorAll("[data-shown]")) {
  const shown = document.querySelector(slider.dataset.shown);
  slider.addEventListener("input", () => (shown.textContent = slider.value));
}

// A button that copies.
function decorate(root) {
  titles(root);
  if (!navigator.clipboard) return;
  for (const text of root.querySelectorAll(".copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.textContent = "Copy";
    const content = text.textContent;
    button.setAttribute("aria-label", `Copy ${content.slice(0, 40)}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(content);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    text.after(button);
  }
}

// Keys: j and k move through the rows, Enter opens one, x chooses it; others are named by data-key.
let at = -1;
function move(by) {
  const rows = [...document.querySelectorAll("#rows > tr:not([hidden])")];
  if (rows.length === 0) return;
  rows[at]?.classList.remove("chosen");
  at = Math.min(Math.max(at + by, 0), rows.length - 1);
  rows[at].classList.add("chosen");
  rows[at].querySelector("a")?.focus();
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
  else if (event.key === "x") document.querySelector("#rows > tr.chosen input")?.click();
  else {
    const named = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!named || named.closest("[hidden]")) return;
    if (named.matches("a")) named.click();
    else named.focus();
  }
  if (event.key === "/" || event.key === "g") event.preventDefault();
});

// A bundle is checked while it is typed, by the form that its button sends.
const editor = document.querySelector("[data-check]");
if (editor) {
  let typing;
  let latest = 0;
  editor.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(async () => {
      const turn = ++latest;
      const body = new URLSearchParams(new FormData(editor.form));
      body.set("action", "check");
      try {
        const answer = await fetch(editor.form.getAttribute("action"), { method: "POST", body, redirect: "manual" });
        if (!answer.ok || turn !== latest) return;
        const next = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = next.getElementById(editor.dataset.check);
        document.getElementById(editor.dataset.check).replaceChildren(...document.importNode(fresh, true).childNodes);
      } catch {
        // The server is away: the next change asks again.
      }
    }, 500);
  });
}

// A long action goes on by itself.
const onward = document.querySelector("form[data-go-on]");
if (onward) setTimeout(() => onward.requestSubmit(), 300);

decorate(document);
count();
setInterval(count, 1000);
