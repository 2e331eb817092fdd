"""The results folder: journal, lock, checkpoints, views, and what is read back from it."""
