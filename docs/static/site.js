// What scrolls sideways can be reached, and scrolled, with the keyboard; so can a formula in a line that is wider than the line.
async function fit() {
  await window.MathJax?.startup?.promise;
  for (const formula of document.querySelectorAll("mjx-container:not([display])")) {
    formula.classList.remove("wide");
    formula.classList.toggle("wide", formula.getBoundingClientRect().width > formula.closest("p, li, td, th, dd, summary, h1, h2, h3, h4")?.clientWidth);
  }
  for (const box of document.querySelectorAll("pre, div.math, .table-wrapper, .cell_output, mjx-container"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
}
addEventListener("load", fit);
addEventListener("resize", fit);

// Search results show words, not the source of formulas. (Sphinx defines `Search` after this file is read.)
addEventListener("DOMContentLoaded", () => {
  if (typeof Search == "undefined") return;
  const plain = Search.htmlToText;
  Search.htmlToText = (...page) => plain(...page).replace(/\\\(.*?\\\)|\\\[[^]*?\\\]/g, "…");
});
