"""Looking on while a run goes on, and telling others how it ended."""
