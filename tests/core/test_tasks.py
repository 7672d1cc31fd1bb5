"""What a head's input stands for: logits, probabilities or their logarithms."""

import numpy as np
import torch

import logitconf


def test_a_logarithm_of_a_share_near_1_keeps_its_digits() -> None:
    logits = np.linspace(-16.0, 16.0, 4001)
    shares = -np.logaddexp(0.0, -logits)
    rounded = shares.astype(np.float32)
    # what the rounded share stands for, by expm1
    exact = rounded - np.log(-np.expm1(rounded.astype(np.float64)))
    card = logitconf.ScoreCard("margin", "binary", 1.0, -0.5, 1)
    form = logitconf.HeadForm(1, rank=1, kind="log-probabilities")
    found, _ = logitconf.ConfidenceHead(card, form)(torch.from_numpy(rounded))
    np.testing.assert_allclose(found.numpy(), -np.abs(exact), rtol=1e-6, atol=1e-6)
