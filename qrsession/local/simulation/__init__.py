"""What a lane does with a job: the programs ``sampler`` and ``estimator`` on Qiskit Aer.

Only a lane's process imports this package. It reads what users send, so everything here has a
bound, and ends in a result or in an error with a reason.
"""
