"""What every service stands on. It knows messages, never what they are about."""
