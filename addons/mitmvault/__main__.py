"""`python -m mitmvault` is the command line."""

from mitmvault.cli.main import main

if __name__ == "__main__":
    main()
