"""Checkpoints that are a few tensors, or an adapter, over a base."""
