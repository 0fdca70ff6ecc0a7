"""The system under test: the Gradio microscope and the small model family it shows."""
