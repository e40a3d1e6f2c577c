// A hardware-efficient ansatz of two qubits; give it values: --param alpha=0.3 --param beta=1.2
OPENQASM 3.0;
include "stdgates.inc";

input float[64] alpha;
input float[64] beta;
qubit[2] q;
bit[2] c;

ry(alpha) q[0];
ry(beta) q[1];
cx q[0], q[1];
ry(beta) q[0];
c = measure q;
