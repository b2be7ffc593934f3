"""Report records to terminal, JSON and Markdown."""
