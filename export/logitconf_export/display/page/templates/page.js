"use strict";
(() => {
  // two digits of the rarer side, never 0 % or 100 % but exactly: as the page's other numbers
  const strip = (text) => (text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text);
  const percent = (count, total) => {
    const share = count / total;
    if (!(share > 0 && share < 1)) return `${share * 100}\u00a0%`;
    const rare = Math.min(share, 1 - share);
    if (rare < 1e-6) return share < 0.5 ? "under 0.0001\u00a0%" : "above 99.9999\u00a0%";
    const decimals = Math.max(1, -1 - Math.floor(Math.log10(rare)));
    return `${strip((100 * share).toFixed(decimals))}\u00a0%`;
  };
  const group = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");
  const minus = (text) => text.replace("-", "−");

  for (const box of document.querySelectorAll(".slider")) {
    const data = JSON.parse(box.querySelector("script[type='application/json']").textContent);
    const input = box.querySelector("input");
    const out = (name) => box.querySelector(`[data-out='${name}']`);
    const set = (name, text, more) => {
      const place = out(name);
      if (!place) return;
      place.firstChild.textContent = text;
      const small = place.querySelector("small");
      if (small) small.textContent = more || "";
    };
    const moving = box.closest("section").querySelectorAll(".moving");
    const show = () => {
      const at = Number(input.value);
      const threshold = data.thresholds[at];
      const accepted = data.accepted[at];
      const shipped = at === data.shipped;
      set("threshold", minus(data.moved && !threshold.startsWith("-") ? `+${threshold}` : threshold));
      set("coverage", percent(accepted, data.rows), ` ${group(accepted)} of ${group(data.rows)}`);
      let words = `${percent(accepted, data.rows)} accepted`;
      if (data.errors) {
        const errors = data.errors[at];
        const right = accepted - errors;
        set(
          "accuracy",
          accepted ? percent(right, accepted) : "none accepted",
          accepted ? ` ${group(right)} of ${group(accepted)}` : "",
        );
        set("errors", group(errors), ` of ${group(data.wrong)}`);
        words += `, ${group(errors)} errors let through`;
      }
      input.setAttribute("aria-valuetext", `threshold ${threshold}: ${words}`);
      const state = out("state");
      state.textContent = data.shipped === null
        ? "No threshold is set."
        : shipped ? "This is how it ships."
        : data.certified ? "Not how it ships; another threshold voids the certificate." : "Not how it ships.";
      for (const button of box.querySelectorAll("button")) {
        button.disabled = at === Number(button.dataset.position);
      }
      const command = out("command");
      if (command) command.textContent = `${command.dataset.start} ${threshold}`;
      for (const mark of moving) move(mark, at, shipped);
    };
    const move = (mark, at, shipped) => {
      const [left, top, right, bottom] = mark.dataset.frame.split(" ").map(Number);
      const [x0, x1, y0, y1] = mark.dataset.spans.split(" ").map(Number);
      const across = (x) => left + ((x - x0) / (x1 - x0)) * (right - left);
      const down = (y) => bottom - ((y - y0) / (y1 - y0)) * (bottom - top);
      const accepted = data.accepted[at];
      let inside = !shipped;
      if (mark.dataset.kind === "curve") {
        const risk = accepted ? data.errors[at] / accepted : 0;
        const dot = mark.querySelector("circle");
        dot.setAttribute("cx", across(accepted / data.rows));
        dot.setAttribute("cy", down(risk));
        inside = inside && accepted > 0 && risk <= y1;
      } else {
        const x = across(Number(data.thresholds[at]));
        const line = mark.querySelector("line");
        line.setAttribute("x1", x);
        line.setAttribute("x2", x);
        line.setAttribute("y1", top);
        line.setAttribute("y2", bottom);
        inside = inside && x >= left - 0.5 && x <= right + 0.5;
      }
      if (inside) mark.removeAttribute("hidden");
      else mark.setAttribute("hidden", "");
    };
    input.addEventListener("input", show);
    for (const button of box.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        input.value = button.dataset.position;
        show();
      });
    }
    box.hidden = false;
    show();
  }
  // what is folded is printed too
  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details:not([open])")) {
      folded.open = true;
      folded.dataset.folded = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const opened of document.querySelectorAll("details[data-folded]")) {
      opened.open = false;
      delete opened.dataset.folded;
    }
  });
})();
