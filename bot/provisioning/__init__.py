"""What follows an approval: create or delete the specification, and reconcile what is unknown."""
