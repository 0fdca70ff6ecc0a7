"""Two checkpoints on the same samples: asked, paired, judged and written down."""
