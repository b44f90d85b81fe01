"""``python -m sparring``: the same as the command ``sparring``."""

from sparring.deploy.cli import main

if __name__ == "__main__":
    main()
