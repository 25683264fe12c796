"""What is stored about members, to take away or to remove."""
