"""What maintainers run from a checkout; nothing here is part of the installed package."""
