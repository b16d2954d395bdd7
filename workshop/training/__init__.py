"""The training of the next model to be published: days of two cores, in PyTorch, nearly twice as fast as TensorFlow.

Weights go back and forth in the package's own model files. Needs `pip install torch` beside the extra `synth`.
"""
