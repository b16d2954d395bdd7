"""The published model's training, which takes days of two cores: in PyTorch, nearly twice as fast there as TensorFlow.

Weights go back and forth in the package's own model files. Needs `pip install torch` beside the extra `synth`.
"""
