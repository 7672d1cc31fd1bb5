"""``python -m logitconf``: the command line."""

from logitconf_export.cli.app import main

if __name__ == "__main__":
    main()
