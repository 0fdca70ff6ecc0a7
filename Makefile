# The three commands a newcomer needs; everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
WEAK := app/digits/checkpoints/weak
STRONG := app/digits/checkpoints/strong
MISLED := app/digits/checkpoints/misled.safetensors
TRAINED := build/train
GATE = $(BIN)/pytest suites --html report.html --self-contained-html

.DEFAULT_GOAL := help
.PHONY: help demo demo-worse demo-same demo-misled train test clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

demo: .venv/installed  ## gate the strong demo checkpoint against the weak one: ships
	$(GATE) --checkpoint A=$(WEAK) --checkpoint B=$(STRONG)

demo-worse: .venv/installed  ## the other way round: held, exit code 1
	$(GATE) --checkpoint A=$(STRONG) --checkpoint B=$(WEAK)

demo-same: .venv/installed  ## the strong one against itself: ships
	$(GATE) --checkpoint A=$(STRONG) --checkpoint B=$(STRONG)

demo-misled: .venv/installed  ## right answers, wrong place: as accurate, and held
	$(BIN)/python -m app.digits.samples build/cued --cued
	$(GATE) --vlm-samples build/cued/samples.jsonl --checkpoint A=$(STRONG) --checkpoint B=$(MISLED)

train: .venv/installed  ## train both demo checkpoints from scratch (about two minutes) and gate those
	$(BIN)/python -m app.digits.train $(TRAINED) $(TRAIN_OPTIONS)
	rm -rf $(TRAINED)/goldens
	-$(BIN)/pytest suites/test_relevance.py -q --vlm-goldens $(TRAINED)/goldens \
		--vlm-report $(TRAINED)/accepting --checkpoint A=$(TRAINED)/strong --checkpoint B=$(TRAINED)/strong
	$(BIN)/python -m pytest_vlm accept $(TRAINED)/accepting --all --goldens $(TRAINED)/goldens \
		--reason "the first maps of new checkpoints"
	$(GATE) --vlm-goldens $(TRAINED)/goldens --checkpoint A=$(TRAINED)/weak --checkpoint B=$(TRAINED)/strong

test: .venv/tox  ## the project's tests, style, types and the demo, each in a tox environment
	$(BIN)/tox run

clean:  ## remove everything that was made
	rm -rf .venv .tox build dist vlm-report report.html

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml app/pyproject.toml constraints/ci.txt
	$(BIN)/python -m pip install --quiet --constraint constraints/ci.txt --editable '.[demo]' --editable ./app
	@touch $@

.venv/tox: .venv/bin/python constraints/ci.txt
	$(BIN)/python -m pip install --quiet --constraint constraints/ci.txt tox
	@touch $@
