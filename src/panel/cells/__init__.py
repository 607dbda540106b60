"""What will be asked: cells, the plan of a run, and the journal every attempt is kept in."""
