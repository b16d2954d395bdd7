"""The hall of training: sources of lines assembled, a model trained from them."""
