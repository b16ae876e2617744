const form = document.querySelector("form");
const items = [...document.querySelectorAll("li[data-text]")];
const told = document.querySelector("#told");
function show() {
  const text = form.text.value.trim().toLowerCase();
  let seen = 0;
  for (const item of items) {
    const fits = item.dataset.text.toLowerCase().includes(text)
      && (!form.phase.value || item.dataset.phase === form.phase.value)
      && (!form.word.value || item.dataset.words.split("|").includes(form.word.value));
    item.hidden = !fits;
    seen += fits;
  }
  told.textContent = seen === items.length ? "" : `${seen} of ${items.length} shown`;
}
form.hidden = false;
form.addEventListener("input", show);
form.addEventListener("submit", (event) => event.preventDefault());
show();
