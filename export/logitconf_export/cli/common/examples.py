"""What to type: examples that the help of each command ends with, each of which runs as it stands.

The files that they name: ``model.onnx`` is a classifier, ``val.npz`` its inputs and their labels,
``logits.npz`` logits and labels, ``card.json`` what fit wrote, ``out.onnx`` the model with a head,
``int8.onnx`` a variant of it, ``rows.npz`` scores and masks that it gave;
``promised.onnx`` is certified, ``fresh.npz`` are rows that nothing was fitted on.
"""

from collections.abc import Mapping

EXAMPLES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "fit": (
        ("Logits in a file", "logitconf fit logits.npz -o card.json"),
        (
            "A model and its inputs; accept 90 % of the rows",
            "logitconf fit --model model.onnx --data val.npz \\\n    --coverage 0.9 -o card.json",
        ),
        (
            "At most 40 % errors among the accepted, certified",
            "logitconf fit logits.npz --holdout 0.5 \\\n    --risk 0.4 -o card.json",
        ),
        (
            "The score that ranks these rows best",
            "logitconf fit logits.npz --score auto -o card.json",
        ),
        (
            "More rows than fit into memory",
            "logitconf fit --dataset 'rows/*.parquet' \\\n    --coverage 0.9 -o card.json",
        ),
    ),
    "compare": (
        ("Which score ranks these rows best?", "logitconf compare logits.npz"),
        (
            "The same for a model's inputs, with a plot",
            "logitconf compare --model model.onnx --data val.npz \\\n    --plot curves.svg",
        ),
    ),
    "demo": (("All of it, on handwritten digits", "logitconf demo --out demo-output"),),
    "export": (("A head of its own", "logitconf export card.json -o head.onnx"),),
    "attach": (
        ("With a card", "logitconf attach model.onnx card.json -o out.onnx"),
        (
            "With a threshold of your own",
            "logitconf attach model.onnx --score softmax \\\n    --threshold -0.9 -o out.onnx",
        ),
    ),
    "detach": (("The model as it was", "logitconf detach out.onnx -o bare.onnx"),),
    "retune": (("Stricter or laxer", "logitconf retune out.onnx --threshold -0.8 -o laxer.onnx"),),
    "recertify": (
        (
            "The promise, on rows of today",
            "logitconf recertify promised.onnx --data fresh.npz \\\n    -o today.onnx",
        ),
    ),
    "reattach": (
        ("After an optimiser rewired it", "logitconf reattach out.onnx -o mended.onnx"),
        (
            "After a tool dropped the metadata",
            "logitconf reattach out.onnx --card card.json \\\n    -o mended.onnx",
        ),
    ),
    "ensemble": (
        (
            "Two members as one model",
            "logitconf ensemble member_1.onnx member_2.onnx \\\n    -o ensemble.onnx",
        ),
    ),
    "verify": (
        ("On your own rows", "logitconf verify out.onnx --data val.npz"),
        (
            "On several runtimes, with a report for CI",
            "logitconf verify out.onnx --on onnxruntime \\\n"
            "    --on onnx-reference --junit verify.xml",
        ),
    ),
    "drift": (
        (
            "What changes when int8.onnx ships instead?",
            "logitconf drift out.onnx int8.onnx --data val.npz",
        ),
        (
            "And fit its head again",
            "logitconf drift out.onnx int8.onnx --data val.npz \\\n    --retune -o tuned.onnx",
        ),
    ),
    "report": (
        ("What does it do on my rows?", "logitconf report out.onnx --data val.npz -o report.html"),
        (
            "The same for a card, before there is a model",
            "logitconf report card.json --data logits.npz \\\n    -o report.html",
        ),
    ),
    "inspect": (
        ("Where could a head go?", "logitconf inspect model.onnx"),
        ("What does a card say?", "logitconf inspect card.json"),
    ),
    "monitor": (
        (
            "Do the rows that came look like those of calibration?",
            "logitconf monitor out.onnx --data rows.npz \\\n    --log monitor.log",
        ),
        ("Take it along, without logitconf", "logitconf monitor card.json --copy monitor"),
    ),
    "doctor": (
        ("What works here?", "logitconf doctor"),
        ("The same for a program", "logitconf doctor --json -"),
    ),
    "measure-runtime": (
        (
            "How does NumPy add up?",
            "logitconf measure-runtime --on numpy --only ReduceSum \\\n    -o sums.json",
        ),
    ),
}
"""By command: what it is for, and what to type; long ones are broken as a shell takes them."""

START = (
    ("Try it on handwritten digits", "logitconf demo"),
    ("Look at a model, then do what it says", "logitconf inspect model.onnx"),
)
"""What the help without a command ends with."""


def epilog(examples: tuple[tuple[str, str], ...]) -> str:
    """Examples as the end of a help text, in rich's markup."""
    blocks = [f"[dim]# {what}[/dim]\n{command}" for what, command in examples]
    return "[bold]Examples[/bold]\n\n" + "\n\n".join(blocks)
