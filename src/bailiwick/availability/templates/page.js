"use strict";
(() => {
  const form = document.querySelector(".filters");
  if (!form) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = document.getElementById("find");
  const where = document.getElementById("where");
  const level = document.getElementById("level");
  const rows = [...document.querySelectorAll("#models tbody tr")];
  const counts = rows.map((row) => row.querySelector(".here").innerHTML);
  const words = {};
  for (const option of level.options) words[option.value] = option.textContent;
  const css = { f: "full", q: "quota", l: "limited", b: "blocked" };
  const signs = { f: "●", q: "◕", l: "◑", b: "○" };
  const badge = (letter) =>
    `<span class="badge level-${css[letter]}"><span aria-hidden="true">${signs[letter]}</span> ${words[letter]}</span>`;
  const place = () => {
    const code = where.selectedOptions[0].dataset.code;
    return code === undefined ? -1 : data.places.indexOf(code);
  };
  const update = () => {
    const wanted = find.value.trim().toLowerCase().split(/\s+/);
    const here = place();
    let shown = 0;
    rows.forEach((row, index) => {
      const letters = here < 0 ? data.rows[index] : data.rows[index][here];
      const fits = wanted.every((word) => row.dataset.find.includes(word));
      row.hidden = !fits || !letters.includes(level.value);
      row.querySelector(".here").innerHTML = here < 0 ? counts[index] : badge(letters);
      shown += row.hidden ? 0 : 1;
    });
    document.getElementById("count").textContent = `${shown} of ${rows.length} models`;
  };
  form.hidden = false;
  form.addEventListener("input", update);
  form.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
