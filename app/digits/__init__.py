"""Digits: a Qwen3-VL of 0.4 million parameters that answers questions about handwritten digits.

The architecture is the one users run (`Qwen3VLForConditionalGeneration`), the images are real
(scikit-learn's handwritten digits), and training takes about two minutes on one CPU thread:

    data        images, queries, answers and the region each answer is read from
    model       configuration, tokenizer, image processor, and the checkpoint folder
    prompt      chat template and image to model inputs
    packing     several queries that share one image, as one training sequence
    train       python -m app.digits.train: the weak and the strong checkpoint
    evaluation  answers by batched greedy generation, and their accuracy by kind of query
    samples     python -m app.digits.samples: the held-out evaluation set as files

`checkpoints/` holds the two trained checkpoints and `heldout/` the evaluation set.
"""
