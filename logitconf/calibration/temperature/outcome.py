"""What fitting a temperature comes to, as a card keeps it; loads without arrays."""

from dataclasses import dataclass

from logitconf.typed_json import check_count, check_number


@dataclass(frozen=True, slots=True)
class TemperatureFit:
    """A fitted temperature and how it came about.

    Attributes:
        temperature: divides the logits; > 0, exactly a float32 value.
        standard_error: of the temperature, by the delta method from the curvature of the NLL; None
            where it is not identified. The labels of one row count as independent, and a weight
            of 2 as a row seen twice.
        nll_before: mean NLL in nats at the initial temperature; None without a usable row.
        nll_after: mean NLL in nats at `temperature`; None without a usable row.
        rows: rows used.
        rows_left_out: rows without a finite likelihood.
        identified: False where the data have no positive, finite minimiser; `temperature` is then
            the initial one.
        reason: why not identified, in words.
        passes: full passes over the data.
        sha256: digest of the rows, where it is known.
    """

    temperature: float
    standard_error: float | None
    nll_before: float | None
    nll_after: float | None
    rows: int
    rows_left_out: int
    identified: bool
    reason: str | None
    passes: int
    sha256: str | None = None

    def __post_init__(self) -> None:
        check_number(self.temperature, "temperature", 0.0, open_=True)
        for name in ("rows", "rows_left_out", "passes"):
            check_count(getattr(self, name), name)
