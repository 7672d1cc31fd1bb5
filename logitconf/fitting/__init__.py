"""What users fit: score classes, and how a card comes from rows."""
