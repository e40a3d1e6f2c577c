"""Other programs, and the variables by which they and this one meet: Slurm, QRMI, IBM's client."""
