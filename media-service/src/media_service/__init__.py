"""The user's shelf: finished files, checked, kept, handed out."""
