"""The report: one model, several renderers; data in, text out."""
