"""What the commands share: options, output, plots."""
