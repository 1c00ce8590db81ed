"""The engine, the workers' runner and their users in a world that one number decides."""
