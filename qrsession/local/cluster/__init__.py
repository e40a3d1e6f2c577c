"""Lanes on a Dask cluster: jobs run on its workers, each worker with lanes of its own.

Nothing in here is imported unless a runtime is started with ``--engine``. The runtime's side is
`lanes` and `connection`, a worker's is `on_worker`, and `parcel` is what goes between them.
"""
