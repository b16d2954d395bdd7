"""Pictures of lines: reading them with their labels, cutting them out of pages, augmentation, batches."""
