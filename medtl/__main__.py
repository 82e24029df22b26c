"""`python -m medtl` is the `medtl` command."""

from medtl.cli import main

main()
