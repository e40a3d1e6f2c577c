// Teleportation: the state ry(pi/3)|0> of q[0] arrives at q[2], by two bits and a Bell pair.
// "arrived" is 1 in a quarter of the shots: sin(pi/6) squared.
OPENQASM 3.0;
include "stdgates.inc";

qubit[3] q;
bit z_correction;
bit x_correction;
bit arrived;

ry(pi / 3) q[0];
h q[1];
cx q[1], q[2];

cx q[0], q[1];
h q[0];
z_correction = measure q[0];
x_correction = measure q[1];
if (x_correction) {
  x q[2];
}
if (z_correction) {
  z q[2];
}
arrived = measure q[2];
