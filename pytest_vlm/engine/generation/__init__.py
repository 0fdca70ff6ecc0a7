"""From samples to answers with a model of transformers."""
