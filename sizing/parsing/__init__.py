"""From text to a sizing request, or to an error that says what to type instead."""
