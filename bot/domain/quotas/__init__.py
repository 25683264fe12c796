"""What things cost, and how much of it each may use."""
