"""What a bar is: its columns, its sessions, the actions that adjust it."""
