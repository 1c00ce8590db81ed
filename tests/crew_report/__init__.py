"""What the crew makes of every theme offered, in every plan: `make crew-report`."""
