"""What all subcommands share."""
