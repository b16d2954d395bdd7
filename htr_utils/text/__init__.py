"""Letters and words: charset, metrics, decoding, spelling."""
