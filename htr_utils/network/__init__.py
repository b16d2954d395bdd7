"""What learns: presets, the CTC loss, the training loop."""
