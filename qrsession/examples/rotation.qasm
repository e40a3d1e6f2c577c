// One qubit, turned by an angle: it reads 1 with the probability sin(theta/2)^2.
// Sweep it: --param theta=0:pi:50
OPENQASM 3.0;
include "stdgates.inc";

input float[64] theta;
qubit[1] q;
bit[1] c;

ry(theta) q[0];
c = measure q;
