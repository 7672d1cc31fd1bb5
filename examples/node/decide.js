// Use score and mask in Node. Run it with: node examples/node/decide.js MODEL_FOLDER

const fs = require("node:fs");
const path = require("node:path");
const ort = require("onnxruntime-node");

async function main(folder) {
  const bytes = fs.readFileSync(path.join(folder, "pixels.f32"));
  const labels = fs.readFileSync(path.join(folder, "labels.u8"));
  const pixels = new Float32Array(new Uint8Array(bytes).buffer);

  const session = await ort.InferenceSession.create(path.join(folder, "model.onnx"));
  const feeds = { pixels: new ort.Tensor("float32", pixels, [labels.length, 64]) };
  const { logits, score, mask } = await session.run(feeds, ["logits", "score", "mask"]);

  const digits = Array.from(labels, (_, row) => {
    const own = logits.data.subarray(10 * row, 10 * row + 10);
    return own.indexOf(Math.max(...own));
  });
  for (const row of [0, mask.data.indexOf(0)]) {
    const answer = mask.data[row] ? `a ${digits[row]}` : "I don't know";
    console.log(`digit ${row}: ${answer} (score ${score.data[row].toFixed(3)})`);
  }

  const share = (rows) => {
    const right = rows.filter((row) => digits[row] === labels[row]).length;
    return `${((100 * right) / rows.length).toFixed(2)}%`;
  };
  const rows = [...labels.keys()];
  const accepted = rows.filter((row) => mask.data[row]);
  console.log(`accepted: ${accepted.length} of ${rows.length}`);
  console.log(`accuracy of all: ${share(rows)}`);
  console.log(`accuracy of accepted: ${share(accepted)}`);
}

main(process.argv[2]);
