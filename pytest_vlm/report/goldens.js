"use strict";
// The review of goldens: three ways to look at the pictures, and one command for what is checked.
// Text is only ever set as text. Words of the command come quoted; only the reason is quoted here.
(() => {
  const PHASE = 800; // milliseconds that one picture is seen while they alternate
  const part = document.getElementById("vlm-goldens");
  const one = (id) => part.querySelector(`#vlm-${id}`);
  const all = (selector) => [...part.querySelectorAll(selector)];
  part.classList.add("interactive");

  // Views: side by side, slider, blink.
  let view = "side";
  let paused = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let timer = 0;
  const swap = () => part.classList.toggle("swapped");
  const look = () => {
    clearInterval(timer);
    part.dataset.view = view;
    part.classList.toggle("stacked", view !== "side");
    if (view !== "blink") part.classList.remove("swapped");
    else if (!paused) timer = setInterval(swap, PHASE);
    one("pause").textContent = paused ? "play" : "pause";
  };
  const pause = (wanted) => { paused = wanted; look(); };
  for (const choice of all("[name=vlm-view]")) {
    choice.addEventListener("change", () => { view = choice.value; look(); });
    if (choice.checked) view = choice.value; // kept over a reload
  }

  // A pointer anywhere on the picture moves the line, and so do the range's own keys.
  for (const range of all("input[type=range]")) {
    const frame = range.parentElement;
    const figure = frame.parentElement;
    const move = () => figure.style.setProperty("--at", `${range.value}%`);
    const drag = (event) => {
      const box = frame.getBoundingClientRect();
      range.value = (100 * (event.clientX - box.left)) / box.width;
      move();
    };
    range.addEventListener("input", move);
    frame.addEventListener("mousedown", (event) => event.preventDefault()); // keeps the focus
    frame.addEventListener("pointerdown", (event) => {
      if (view !== "slider" || event.button) return;
      frame.setPointerCapture(event.pointerId);
      drag(event);
      range.focus({ preventScroll: true });
    });
    frame.addEventListener("pointermove", (event) => {
      if (frame.hasPointerCapture(event.pointerId)) drag(event);
    });
    move();
  }

  // What is checked becomes one command a candidate.
  const boxes = all(".pick input");
  const quoted = (text) => `'${text.replaceAll("'", `'"'"'`)}'`;
  const commands = (checked, reason) => {
    const groups = new Map();
    for (const { dataset: { before, id, after } } of checked) {
      const key = JSON.stringify([before, after]);
      groups.set(key, [...(groups.get(key) ?? []), id]);
    }
    const because = reason ? ` --reason=${quoted(reason)}` : "";
    return [...groups].map(([key, ids]) => {
      const [before, after] = JSON.parse(key);
      return [before, ...ids, after].filter(Boolean).join(" ") + because;
    });
  };
  const update = () => {
    const checked = boxes.filter((box) => box.checked);
    const ids = new Set(checked.map((box) => box.dataset.id));
    const twice = ids.size < checked.length;
    part.querySelector(".panel").hidden = !checked.length;
    one("all").checked = checked.length === boxes.length;
    one("all").indeterminate = checked.length > 0 && checked.length < boxes.length;
    one("checked").textContent = `${checked.length} of ${boxes.length} checked`
      + (twice ? "; a golden of several candidates becomes the last one's" : "");
    one("command").textContent = commands(checked, one("reason").value.trim()).join("\n");
    one("copy").textContent = "copy the command";
  };
  const copy = async () => {
    const command = one("command");
    try {
      await navigator.clipboard.writeText(command.textContent);
    } catch { // an older browser, or a page that may not: select it, and copy what is selected
      getSelection().selectAllChildren(command);
      document.execCommand("copy");
    }
    one("copy").textContent = "copied";
  };

  const step = () => { pause(true); swap(); };
  one("pause").addEventListener("click", () => pause(!paused));
  one("swap").addEventListener("click", step);
  for (const frame of all(".layer .frame")) {
    frame.addEventListener("click", () => { if (view === "blink") step(); });
  }
  one("failed")?.addEventListener("change", () => {
    part.classList.toggle("failed-only", one("failed").checked);
  });
  if (boxes.length) {
    for (const box of boxes) box.addEventListener("change", update);
    one("all").addEventListener("change", () => {
      const wanted = one("all").checked;
      for (const box of boxes) box.checked = wanted;
      update();
    });
    one("reason").addEventListener("input", update);
    one("copy").addEventListener("click", copy);
    update();
  }
  look();
})();
