"""Pictures of lines: reading IAM layout, images, augmentation, synthesis, batches."""
