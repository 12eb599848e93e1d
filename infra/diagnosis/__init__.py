"""What `dossier doctor` looks at, on every kind of log. Kafka's own questions are in `infra.queue.diagnose`."""
