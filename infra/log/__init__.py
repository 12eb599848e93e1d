"""The logs: `eventsourcing` persistence modules, one package each, named by the setting DOSSIER_LOG."""
