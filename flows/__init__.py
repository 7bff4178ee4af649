"""What runs, in what order. The only place, with the service, that reads a clock."""
