"""Every loss under one network, schedule and budget."""
