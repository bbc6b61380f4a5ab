"""Random kills and random damage, over whole sites: `make faults`."""
