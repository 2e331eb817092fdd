"""The Dask engine: stacks trained by the workers of a dask.distributed cluster.

On the driver's side ``engine`` is what others see, ``sweep`` one sweep on a cluster, ``desk`` what
is handed out and heard in it, by ``mail`` and ``slots``. On a worker ``slot`` is what trains,
``session`` what it has to say, ``shelf`` its data, and ``remote`` what the driver calls. ``here``
makes a cluster on this machine where no address of one is given.
"""
