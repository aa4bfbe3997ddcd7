"""Documents in: bytes of a page -> a `pledges.model.Document`, in bounded time and memory, whatever the bytes are."""
