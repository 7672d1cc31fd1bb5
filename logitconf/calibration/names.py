"""The names of calibrations, as users say them; loads without arrays."""

TEMPERATURE, AUTO = "temperature", "auto"
MAP_KINDS = ("vector", "matrix", "platt")
CALIBRATIONS = (TEMPERATURE, *MAP_KINDS, AUTO)
