// What scrolls sideways can be reached, and scrolled, with the keyboard.
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  for (const box of document.querySelectorAll("pre, div.math, .table-wrapper, .cell_output, mjx-container"))
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
});
