//! What the tests of programs need: probes, expectations in virtual time, faults.
