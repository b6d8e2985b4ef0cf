"""Who is asking: tokens, the development issuer, and the ids derived from an identity."""
