// Runs a folder of jobs in onnxruntime-web (wasm) in headless Chromium.
// Usage: node web_runner.cjs FOLDER NODE_MODULES CHROMIUM
// Prints the version, then one JSON line a job.
const fs = require("fs");
const http = require("http");
const path = require("path");

const [folder, modules, browserPath] = process.argv.slice(2);
const { chromium } = require(path.resolve(modules, "playwright-core"));
const home = path.resolve(modules, "onnxruntime-web");
const kinds = { ".mjs": "text/javascript", ".js": "text/javascript", ".wasm": "application/wasm" };

function serve(request, response) {
  const name = decodeURIComponent(request.url.split("?")[0]);
  if (name === "/") {
    response.writeHead(200, { "Content-Type": "text/html" });
    response.end("<!doctype html><title>logitconf</title>");
    return;
  }
  const [, root, ...rest] = name.split("/");
  const base = root === "dist" ? path.join(home, "dist") : path.resolve(folder);
  const file = path.join(base, path.basename(rest.join("/")));
  if (!fs.existsSync(file) || !fs.statSync(file).isFile()) {
    response.writeHead(404);
    response.end();
    return;
  }
  const kind = kinds[path.extname(file)] ?? "application/octet-stream";
  response.writeHead(200, { "Content-Type": kind });
  fs.createReadStream(file).pipe(response);
}

// Runs in the page: it sees nothing but its arguments.
async function runInPage({ job }) {
  globalThis.sessions ??= new Map();
  const ort = await import("/dist/ort.wasm.min.mjs");
  ort.env.wasm.wasmPaths = "/dist/";
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "fatal";
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    int32: Int32Array,
    int64: BigInt64Array,
  };
  const fetched = async (file) => (await fetch(`/jobs/${file}`)).arrayBuffer();
  if (!sessions.has(job.model)) {
    const model = new Uint8Array(await fetched(job.model));
    sessions.set(job.model, await ort.InferenceSession.create(model));
  }
  const feeds = {};
  for (const input of job.inputs) {
    const data = new arrays[input.dtype](await fetched(input.file));
    feeds[input.name] = new ort.Tensor(input.dtype, data, input.shape);
  }
  const found = await sessions.get(job.model).run(feeds, job.outputs);
  return job.outputs.map((name) => {
    const { data, dims, type } = found[name];
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return { dtype: type, shape: [...dims], bytes: [...bytes] };
  });
}

async function main() {
  const version = JSON.parse(fs.readFileSync(path.join(home, "package.json"))).version;
  console.log(JSON.stringify({ version }));
  const server = http.createServer(serve);
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const jobs = JSON.parse(fs.readFileSync(path.join(folder, "jobs.json")));
  for (const [index, job] of jobs.entries()) {
    try {
      const found = await page.evaluate(runInPage, { job });
      const outputs = found.map(({ dtype, shape, bytes }, place) => {
        fs.writeFileSync(path.join(folder, `${index}.out${place}.bin`), Buffer.from(bytes));
        return { dtype, shape };
      });
      console.log(JSON.stringify({ outputs }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error).slice(0, 500) }));
    }
  }
  await browser.close();
  server.close();
}

main();
