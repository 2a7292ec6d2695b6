"""The journal: runs that survive the process which carried them out, in an SQLite file."""
