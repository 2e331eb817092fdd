"""The same workloads as users of other libraries would write them for speed; each is optional."""
