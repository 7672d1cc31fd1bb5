// The model, run by onnxruntime's WebAssembly build in the page.

import * as ort from "./ort/ort.wasm.min.mjs";

ort.env.wasm.wasmPaths = new URL("./ort/", import.meta.url).href;
ort.env.wasm.numThreads = 1; // more need headers that a plain server of files does not send

const session = ort.InferenceSession.create(new URL("./model.onnx", import.meta.url).href);

/** What the model says of images (N, 64): the likeliest digit, score and mask of each. */
export async function decide(pixels) {
  const rows = pixels.length / 64;
  const feeds = { pixels: new ort.Tensor("float32", Float32Array.from(pixels), [rows, 64]) };
  const { logits, score, mask } = await (await session).run(feeds, ["logits", "score", "mask"]);
  return Array.from(score.data, (value, row) => {
    const own = logits.data.subarray(10 * row, 10 * row + 10);
    return { digit: own.indexOf(Math.max(...own)), score: value, accepted: mask.data[row] === 1 };
  });
}
