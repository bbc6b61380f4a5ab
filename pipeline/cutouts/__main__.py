"""`python -m cutouts` is the command `cutouts`."""

from cutouts.cli import main

if __name__ == "__main__":  # a process that is started by spawning imports this module again, and must not run it
    main()
