"""Those that people sign in by in tests: a provider as others run it, and one that lies."""
