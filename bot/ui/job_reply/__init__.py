"""The one reply of a job, from waiting to the grid."""
