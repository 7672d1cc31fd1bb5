// The page: draws, asks the model, shows the answer.

import { draw, pixelsOf } from "./digit.js";
import { decide } from "./model.js";

const element = (id) => document.getElementById(id);
const board = element("board");
const context = board.getContext("2d");
const answer = element("answer");

// strokes are lists of [x, y], both from 0 to 1
const THREE = [[...arc(0.48, 0.31, 0.19, 0.17, 200, 450), ...arc(0.48, 0.67, 0.22, 0.19, -90, 160)]];
const STAR = [[0, 2, 4, 1, 3, 0].flatMap((corner) => arc(0.5, 0.53, 0.42, 0.42, 72 * corner - 90))];

let strokes = [];
let drawing = false;
let pen = [0.5, 0.5];
let penDown = false;
let asked = 0;

/** Points of an ellipse, from one angle in degrees to another. */
function arc(x, y, width, height, from, to = from) {
  const points = [];
  for (let angle = from; angle <= to; angle += 10) {
    const radians = (angle * Math.PI) / 180;
    points.push([x + width * Math.cos(radians), y + height * Math.sin(radians)]);
  }
  return points;
}

const percent = (value) => `${(100 * value).toFixed(1)} %`;

/** Paints the strokes, and the pen where keys move it. */
function paint() {
  const side = board.clientWidth;
  const ratio = window.devicePixelRatio || 1;
  board.width = board.height = Math.round(side * ratio);
  context.scale(board.width, board.height);
  const style = getComputedStyle(document.documentElement);
  context.strokeStyle = style.getPropertyValue("--text");
  draw(context, strokes, 0.07);
  if (document.activeElement === board && board.matches(":focus-visible")) {
    context.strokeStyle = style.getPropertyValue("--focus");
    context.lineWidth = 0.008;
    context.beginPath();
    context.arc(...pen, penDown ? 0.025 : 0.045, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Shows the eight by eight pixels. */
function showSeen(pixels) {
  const small = element("seen").getContext("2d");
  const image = small.createImageData(8, 8);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const [r, g, b] = dark ? [232, 236, 241] : [28, 36, 48];
  pixels.forEach((value, place) => image.data.set([r, g, b, 255 * value], 4 * place));
  small.putImageData(image, 0, 0);
}

/** Shows a state of the answer: empty, sure or unsure. */
function show(state, { digit = "", verdict, detail, probability = 0 }) {
  answer.dataset.state = state;
  element("digit").textContent = digit;
  element("verdict").textContent = verdict;
  element("detail").textContent = detail;
  element("bar").style.width = `${100 * probability}%`;
  element("gauge").setAttribute("aria-valuenow", (100 * probability).toFixed(1));
}

/** Asks the model about what is drawn; an answer that a later question overtook is dropped. */
async function ask() {
  const question = ++asked;
  paint();
  if (!strokes.length) {
    showSeen(new Float32Array(64));
    show("empty", { verdict: "Draw a digit", detail: "0 to 9, as large as you like." });
    return;
  }
  const pixels = pixelsOf(strokes);
  const [{ digit, score, accepted }] = await decide(pixels);
  if (question !== asked) return;
  showSeen(pixels);
  // the score of maximum softmax is minus the calibrated probability of being right
  const probability = -score;
  if (accepted) {
    const detail = `${percent(probability)} likely to be right`;
    show("sure", { digit, verdict: `Sure: a ${digit}`, detail, probability });
  } else {
    const detail = `likeliest: a ${digit}, at ${percent(probability)}`;
    show("unsure", { digit: "?", verdict: "I don't know", detail, probability });
  }
}

function replace(others) {
  strokes = others.map((stroke) => stroke.map((point) => [...point]));
  penDown = false;
  ask();
}

function placeOf(event) {
  const box = board.getBoundingClientRect();
  const inside = (value) => Math.min(Math.max(value, 0), 1);
  return [
    inside((event.clientX - box.left) / box.width),
    inside((event.clientY - box.top) / box.height),
  ];
}

board.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  board.setPointerCapture(event.pointerId);
  drawing = true;
  strokes.push([placeOf(event)]);
  ask();
});
board.addEventListener("pointermove", (event) => {
  if (!drawing) return;
  strokes.at(-1).push(...(event.getCoalescedEvents?.() ?? [event]).map(placeOf));
  ask();
});
for (const end of ["pointerup", "pointercancel"]) {
  board.addEventListener(end, () => {
    drawing = false;
  });
}

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
board.addEventListener("keydown", (event) => {
  if (event.key in STEPS) {
    const step = STEPS[event.key];
    pen = pen.map((value, axis) => Math.min(Math.max(value + step[axis] / 24, 0.05), 0.95));
    if (penDown) strokes.at(-1).push([...pen]);
  } else if (event.key === " ") {
    penDown = !penDown;
    if (penDown) strokes.push([[...pen]]);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    strokes = [];
    penDown = false;
  } else return;
  event.preventDefault();
  ask();
});
board.addEventListener("focus", paint);
board.addEventListener("blur", paint);

element("clear").addEventListener("click", () => replace([]));
element("three").addEventListener("click", () => replace(THREE));
element("star").addEventListener("click", () => replace(STAR));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ask);
new ResizeObserver(paint).observe(board);

const { threshold } = await (await fetch("card.json")).json();
element("mark").style.left = `${-100 * threshold}%`;
element("limit").textContent = `sure above ${percent(-threshold)}`;
await decide(new Float32Array(64)); // the first answer waits for the model
await ask();
