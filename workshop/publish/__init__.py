"""What is handed out: pages, slides, packs, model cards."""
