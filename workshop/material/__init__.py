"""The embedded data, its datasheet and the samples, made anew."""
