"""The weekly digest: what is in it, how it reads, and how it goes out."""
