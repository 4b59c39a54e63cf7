"""The command line: files in, files out, exit codes; uses the face only."""
