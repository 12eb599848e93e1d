"""The command line `dossier`: one file per group of commands, put together in `main`."""
