"""From outside files to rows: one file per format, each a pure function from one decoded record to a chat."""
