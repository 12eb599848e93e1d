"""How each command is decided: one function a command, grouped by who gives it. Deciding either records or refuses."""
