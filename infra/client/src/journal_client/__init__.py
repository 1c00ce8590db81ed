"""Journal Craft Crew for programs: its routes and its live feed, in the words of the contracts."""
