"""The command line: words to settings, the pipeline's records to outputs, failures to one line and an exit status."""
