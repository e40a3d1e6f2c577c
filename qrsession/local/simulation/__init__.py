"""What a lane does with a job: ``sampler``, ``estimator`` and ``executor`` on Qiskit Aer.

`running` takes jobs to `programs`. What they get is read by `inputs`, put into other forms by
`treatment`, run by `simulator` on `circuits`, with `noise` where there is a twin, and put together
by `estimation`.

Only a lane's process imports this package. It reads what users send, so everything here has a
bound, and ends in a result or in an error with a reason.
"""
