"""What users and our own tests check models with."""
