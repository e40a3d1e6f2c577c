// A dynamic circuit: what is measured in the middle decides what happens next.
// "first" is a coin; "second" is always the coin's other side.
OPENQASM 3.0;
include "stdgates.inc";

qubit[2] q;
bit first;
bit second;

h q[0];
first = measure q[0];
if (first == false) {
  x q[1];
}
second = measure q[1];
