"""The errors that users see: one clear line that says what to do."""


class NotMNISTError(Exception):
    """Report a failure whose message names the cause and the remedy."""


class UsageError(NotMNISTError, ValueError):
    """Report a request that can't be right, such as an unknown dataset name."""
