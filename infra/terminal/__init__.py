"""The one door to the terminal: nothing is written on standard output or standard error but through here.

A name in a command, a receiver's answer or a file's name may hold characters that a terminal obeys instead of showing
them, that turn the direction of the text, or that nobody sees. They become visible escapes, twice:

- `output.line`, and with it tables and JSON, takes one line: what is in it cannot end it.
- The standard streams themselves (`streams`) escape whatever comes another way, such as a traceback or a library's
  warning; only its newlines stay.

Colours are written by this package and by Rich alone, past the second, and what they colour has been escaped before.
"""
