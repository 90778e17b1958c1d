"""From mirrors and archives to arrays: download, extraction, and the decoding of PNG files."""
