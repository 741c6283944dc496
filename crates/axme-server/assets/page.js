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
for (const form of document.querySelectorAll("form[method=post]")) {
  const note = document.createElement("p");
  note.className = "note";
  note.setAttribute("role", "alert");
  form.addEventListener("submit", (event) => {
    note.remove();
    if (navigator.onLine === false) {
      event.preventDefault();
      note.textContent = document.body.dataset.offline ?? "";
      form.append(note);
    }
  });
}
