// Runs a folder of jobs in onnxruntime-node. Usage: node node_runner.cjs FOLDER NODE_MODULES
// Prints the version, then one JSON line a job.
const fs = require("fs");
const path = require("path");

const [folder, modules] = process.argv.slice(2);
const ort = require(path.resolve(modules, "onnxruntime-node"));
const manifest = path.resolve(modules, "onnxruntime-node", "package.json");
const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
};

function read(file) {
  const bytes = fs.readFileSync(path.join(folder, file));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
}

async function main() {
  console.log(JSON.stringify({ version: JSON.parse(fs.readFileSync(manifest)).version }));
  const sessions = new Map();
  const jobs = JSON.parse(fs.readFileSync(path.join(folder, "jobs.json")));
  for (const [index, job] of jobs.entries()) {
    try {
      if (!sessions.has(job.model)) {
        const model = path.join(folder, job.model);
        sessions.set(job.model, await ort.InferenceSession.create(model, { logSeverityLevel: 4 }));
      }
      const feeds = {};
      for (const input of job.inputs) {
        const data = new arrays[input.dtype](read(input.file));
        feeds[input.name] = new ort.Tensor(input.dtype, data, input.shape);
      }
      const found = await sessions.get(job.model).run(feeds, job.outputs);
      const outputs = job.outputs.map((name, place) => {
        const { data, dims, type } = found[name];
        const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
        fs.writeFileSync(path.join(folder, `${index}.out${place}.bin`), bytes);
        return { dtype: type, shape: [...dims] };
      });
      console.log(JSON.stringify({ outputs }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error).slice(0, 500) }));
    }
  }
}

main();
