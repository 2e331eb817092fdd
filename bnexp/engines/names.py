"""The names of the engines: all that the command line needs of them to print its help."""

#: The default first.
ENGINES = ("local", "inline", "dask")
