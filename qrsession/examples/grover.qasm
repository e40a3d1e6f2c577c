// Grover's search on five qubits for 10110, four rounds: found in more than 99 of 100 shots.
OPENQASM 3.0;
include "stdgates.inc";

gate cccc_z a, b, c, d, e {
  ctrl(4) @ z a, b, c, d, e;
}

gate oracle a, b, c, d, e {
  x a;
  x d;
  cccc_z a, b, c, d, e;
  x a;
  x d;
}

gate diffusion a, b, c, d, e {
  h a; h b; h c; h d; h e;
  x a; x b; x c; x d; x e;
  cccc_z a, b, c, d, e;
  x a; x b; x c; x d; x e;
  h a; h b; h c; h d; h e;
}

qubit[5] q;
bit[5] c;

h q;
for int round in [1:4] {
  oracle q[0], q[1], q[2], q[3], q[4];
  diffusion q[0], q[1], q[2], q[3], q[4];
}
c = measure q;
