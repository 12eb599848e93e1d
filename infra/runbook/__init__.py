"""What to do about what goes wrong: a page for each code, in English and Vietnamese (`dossier explain CODE`)."""
