"""The Dask engine: stacks trained by the workers of a dask.distributed cluster.

``engine`` is what the driver sees and ``desk`` what goes on behind it, ``remote`` is what runs on
the workers and ``shelf`` the data there, ``here`` makes a cluster on this machine where no address
of one is given.
"""
