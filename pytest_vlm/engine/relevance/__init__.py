"""From a model's attention to relevance maps."""
