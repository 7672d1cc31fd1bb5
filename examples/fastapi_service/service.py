"""A service that answers with a digit, or that it does not know.

Run it with: MODEL=model/model.onnx uvicorn --app-dir examples/fastapi_service service:app
"""

import os
from typing import Annotated

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel, Field

session = onnxruntime.InferenceSession(os.environ["MODEL"], providers=["CPUExecutionProvider"])
app = FastAPI(title="Digits, or 'I don't know'")

Pixel = Annotated[float, Field(ge=0.0, le=1.0)]
Image = Annotated[list[Pixel], Field(min_length=64, max_length=64)]


class Question(BaseModel):
    """Images of 64 pixels in [0, 1]."""

    images: Annotated[list[Image], Field(min_length=1, max_length=1000)]


class Answer(BaseModel):
    """What the model says of one image.

    Attributes:
        digit: None where the model does not know.
        probability: of the likeliest digit being right, calibrated.
    """

    digit: int | None
    probability: float


@app.post("/digits")
def digits(question: Question) -> list[Answer]:
    """One answer for each image, in their order."""
    pixels = np.array(question.images, dtype=np.float32)
    logits, score, mask = session.run(["logits", "score", "mask"], {"pixels": pixels})
    return [
        # the score of maximum softmax is minus the probability of being right
        Answer(digit=int(row.argmax()) if accepted else None, probability=-value)
        for row, value, accepted in zip(logits, score, mask, strict=True)
    ]
