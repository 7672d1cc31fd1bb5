// From strokes to what the network was trained on. scikit-learn's digits are bitmaps of 32 by 32
// that the digit fills, of which the ink in blocks of 4 by 4 was counted. They have about equal
// ink, whatever the digit: a one is thick where an eight is thin.

const SIDE = 32;
const BLOCK = 4;
const INK = 310;
const [THINNEST, THICKEST] = [5, 8];

/** Scales strokes, lists of [x, y], so that a round pen just fits in, and centres them. */
function fitted(strokes, pen) {
  const points = strokes.flat();
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const scale = (SIDE - pen) / Math.max(right - left, bottom - top, 1e-6);
  const place = ([x, y]) => [
    SIDE / 2 + (x - (left + right) / 2) * scale,
    SIDE / 2 + (y - (top + bottom) / 2) * scale,
  ];
  return strokes.map((stroke) => stroke.map(place));
}

/** How long strokes are, all together. */
function lengthOf(strokes) {
  let length = 0;
  for (const stroke of strokes) {
    for (let i = 1; i < stroke.length; i++) {
      length += Math.hypot(stroke[i][0] - stroke[i - 1][0], stroke[i][1] - stroke[i - 1][1]);
    }
  }
  return length;
}

/** Draws strokes with a round pen; a stroke of one point is a dot. */
export function draw(context, strokes, pen) {
  context.lineWidth = pen;
  context.lineCap = context.lineJoin = "round";
  for (const [first, ...rest] of strokes) {
    context.beginPath();
    context.moveTo(...first);
    for (const point of rest.length ? rest : [first]) context.lineTo(...point);
    context.stroke();
  }
}

/** The 64 pixels in [0, 1] of strokes. */
export function pixelsOf(strokes) {
  const thin = fitted(strokes, THINNEST);
  const pen = Math.min(Math.max(INK / lengthOf(thin), THINNEST), THICKEST);
  const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  draw(context, fitted(strokes, pen), pen);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const pixels = new Float32Array(64);
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const ink = data[4 * (y * SIDE + x) + 3] > 127;
      if (ink) pixels[8 * Math.floor(y / BLOCK) + Math.floor(x / BLOCK)] += 1 / BLOCK ** 2;
    }
  }
  return pixels;
}
