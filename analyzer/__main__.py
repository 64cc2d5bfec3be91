"""``python -m analyzer`` is the ``wsanalyzer`` command."""

from analyzer.cli.main import run

if __name__ == "__main__":
    run()
