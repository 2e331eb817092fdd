"""Speed, measured beside others in one session; see README.md."""
