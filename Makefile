# Every target is a chore of `python -m workbench`, which also works without make. All of them make what they need.
#   make demo DESIGN=path.yaml     make demo ENGINE=docker     make test ARGS="-k capacity"     PYTHON=python3.11
PYTHON ?= python3
WORKBENCH = $(PYTHON) -m workbench
ENGINE_OPTION = $(if $(ENGINE),--engine "$(ENGINE)")

.NOTPARALLEL:
.PHONY: help demo lab test check fix bench setup lock clean

help:
	@$(WORKBENCH) chores
demo:
	@$(WORKBENCH) demo $(if $(DESIGN),"$(DESIGN)") $(ENGINE_OPTION) $(ARGS)
lab:
	@$(WORKBENCH) lab $(ENGINE_OPTION) $(ARGS)
test:
	@$(WORKBENCH) test $(ENGINE_OPTION) $(ARGS)
check:
	@$(WORKBENCH) lint
fix:
	@$(WORKBENCH) fix
bench:
	@$(WORKBENCH) bench $(ARGS)
setup:
	@$(WORKBENCH) setup
lock:
	@$(WORKBENCH) lock
clean:
	@$(WORKBENCH) clean
