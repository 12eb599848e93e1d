"""What the guidance says, and nothing else: no Kafka, SQL, HTTP, clock or file system."""
