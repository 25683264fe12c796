"""What messages say and show."""
