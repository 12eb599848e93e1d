"""The program `dossier`, also as `python -m dossier`."""

from infra.cli.main import main

if __name__ == "__main__":
    main()
