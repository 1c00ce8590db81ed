"""The language of Journal Craft Crew: what services say to each other, and what a book is."""
