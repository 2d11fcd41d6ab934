"""The commands of the toolbox: python -m <package> --help."""

from importlib import import_module

if __name__ == "__main__":
    import_module(f"{__package__}.toolbox.cli").main()
