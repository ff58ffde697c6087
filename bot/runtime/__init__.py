"""The running process: settings, wiring, serving, checks, logs, metrics and traces."""
