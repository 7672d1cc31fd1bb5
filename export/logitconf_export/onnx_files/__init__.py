"""Model files: loading, weights in other files, saving, opsets."""
