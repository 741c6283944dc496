// Narrows the index of the API reference to the words in its filter field. Without this script the whole index shows.

const field = document.querySelector("#filter");
const count = document.querySelector("#filter-count");
const families = [...document.querySelectorAll(".family")].map((section) => {
  const about = section.querySelector("header").textContent.toLowerCase();
  const rows = [...section.querySelectorAll("li")].map((row) => {
    const anchor = row.querySelector("a").hash.toLowerCase();
    return { row, text: `${about} ${anchor} ${row.textContent.toLowerCase()}` };
  });
  return { section, rows };
});

function narrow() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { section, rows } of families) {
    let left = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      left += row.hidden ? 0 : 1;
    }
    section.hidden = left === 0;
    shown += left;
  }
  count.textContent = words.length === 0 ? "" : shown === 1 ? "1 entry matches." : `${shown} entries match.`;
}

field.addEventListener("input", narrow);
document.querySelector(".filter").hidden = false;
// Browsers keep the text of the field when a reader comes back to the page.
narrow();
